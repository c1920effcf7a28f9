//! The files, and what each imports.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::imports::{self, Use};

/// How a file's unit tests begin; they stand at its end.
const UNIT_TESTS: &str = "#[cfg(test)]\nmod tests {";

/// How the files that are for tests, and the model that explores threads, are declared.
const FOR_TESTS: [&str; 2] = ["#[cfg(test)]", "#[cfg(all(test, shuttle))]"];

/// One file.
pub(super) struct Source {
    /// Relative to the crate's root file, with slashes.
    pub(super) path: String,
    pub(super) text: String,
    /// Without comments and unit tests.
    pub(super) code: String,
}

/// Reads every file of the library.
pub(super) fn sources() -> Vec<Source> {
    let files = files_under("src");
    assert!(files.len() > 50, "the source was not found");
    files
}

/// Reads every Rust file under a folder of the repository.
pub(super) fn files_under(folder: &str) -> Vec<Source> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(folder);
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(Source::read(&root, &path));
            }
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files
}

impl Source {
    /// Takes a text as the file at a path.
    pub(super) fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code: code_of(text),
        }
    }

    fn read(root: &Path, path: &Path) -> Self {
        let text = fs::read_to_string(path).expect("a text");
        let name = path.strip_prefix(root).expect("a path under it");
        let name = name.to_str().expect("UTF-8").replace('\\', "/");
        let mut source = Self::new(&name, &text);
        if is_for_tests(root, path) {
            source.code.clear();
        }
        source
    }

    /// The module that the file is, from the crate's root.
    pub(super) fn module(&self) -> Vec<String> {
        let path = self.path.trim_end_matches(".rs");
        let path = path.strip_suffix("/mod").unwrap_or(path);
        match path {
            "lib" | "main" => Vec::new(),
            path => path.split('/').map(str::to_owned).collect(),
        }
    }

    /// What the file imports from the crate, with paths from the crate's root.
    pub(super) fn imports(&self) -> Vec<Use> {
        let (mut uses, _) = imports::split(&self.code);
        uses.retain_mut(|one| match self.absolute(&one.path) {
            Some(path) => {
                one.path = path;
                true
            }
            None => false,
        });
        uses
    }

    /// All paths into the crate that the file names, in `use` declarations and elsewhere, from the
    /// crate's root.
    pub(super) fn paths(&self) -> Vec<Vec<String>> {
        let (_, code) = imports::split(&self.code);
        let named = imports::paths(&code);
        let named = named.iter().filter_map(|path| self.absolute(path));
        let imported = self.imports().into_iter().map(|one| one.path);
        imported.chain(named).collect()
    }

    /// The text of each comment, with the number of its line.
    pub(super) fn comments(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate();
        lines.filter_map(|(at, line)| {
            let beside_code = || Some(line.split_once(" //")?.1);
            let comment = line.trim_start().strip_prefix("//");
            Some((at + 1, comment.or_else(beside_code)?))
        })
    }

    fn absolute(&self, path: &[String]) -> Option<Vec<String>> {
        let mut absolute = match path.first()?.as_str() {
            "crate" => Vec::new(),
            "self" | "super" => self.module(),
            _ => return None,
        };
        for segment in path {
            match segment.as_str() {
                "crate" | "self" => {}
                "super" => _ = absolute.pop(),
                name => absolute.push(name.to_owned()),
            }
        }
        Some(absolute)
    }
}

/// Whether a module above declares the file, or what it lies in, for tests.
fn is_for_tests(root: &Path, path: &Path) -> bool {
    let folder = path.parent().expect("a folder");
    let above = [folder.with_extension("rs"), folder.join("mod.rs")];
    let module = path.file_stem().and_then(|stem| stem.to_str());
    let module = module.expect("a name");
    let declarations = FOR_TESTS.map(|start| format!("{start}\nmod {module};"));
    let declares = |above: &PathBuf| {
        let text = fs::read_to_string(above).unwrap_or_default();
        declarations.iter().any(|one| text.contains(one))
    };
    above.iter().any(declares) || folder != root && is_for_tests(root, folder)
}

/// Removes comments and the unit tests.
fn code_of(text: &str) -> String {
    let text = text.split(UNIT_TESTS).next().unwrap_or_default();
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    text.lines().filter(is_code).collect::<Vec<_>>().join("\n")
}
