//! The library's source, read as text.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// How a file's unit tests begin; they stand at its end.
const UNIT_TESTS: &str = "#[cfg(test)]\nmod";

/// How the model is declared that explores threads; it is one as well.
const MODEL: &str = "#[cfg(all(test, shuttle))]\nmod";

/// One file under `src/`.
pub(crate) struct Source {
    /// Relative to `src/`, with slashes.
    pub(crate) path: String,
    pub(crate) text: String,
    /// Without comments and unit tests.
    pub(crate) code: String,
}

/// Reads every file.
pub(crate) fn sources() -> Vec<Source> {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../src"));
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
    assert!(files.len() > 50, "the source was not found");
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files
}

impl Source {
    fn read(root: &Path, path: &Path) -> Self {
        let text = fs::read_to_string(path).expect("a text");
        let name = path.strip_prefix(root).expect("a path under it");
        let for_tests = is_for_tests(path);
        Self {
            path: name.to_str().expect("UTF-8").replace('\\', "/"),
            code: if for_tests {
                String::new()
            } else {
                code_of(&text)
            },
            text,
        }
    }

    /// The module that the file is, from the crate's root.
    pub(crate) fn module(&self) -> Vec<String> {
        let path = self.path.trim_end_matches(".rs");
        let path = path.strip_suffix("/mod").unwrap_or(path);
        match path {
            "lib" => Vec::new(),
            path => path.split('/').map(str::to_owned).collect(),
        }
    }

    /// The paths from the crate's root of all that the file imports from the crate.
    pub(crate) fn imports(&self) -> Vec<Vec<String>> {
        let trees = uses(&self.code);
        let paths = trees.iter().flat_map(|tree| expanded(tree));
        paths.filter_map(|path| self.absolute(&path)).collect()
    }

    /// What follows `crate::` anywhere in the code.
    pub(crate) fn heads(&self) -> BTreeSet<String> {
        if self.module().is_empty() {
            return BTreeSet::new();
        }
        heads_after(&self.code, "crate::")
    }

    fn absolute(&self, path: &str) -> Option<Vec<String>> {
        let mut segments = path.split("::").map(str::trim).peekable();
        let mut absolute = match *segments.peek()? {
            "crate" => Vec::new(),
            "self" | "super" => self.module(),
            _ => return None,
        };
        for segment in segments {
            match segment {
                "crate" | "self" => {}
                "super" => _ = absolute.pop(),
                name => absolute.push(head(name)),
            }
        }
        Some(absolute)
    }
}

/// Whether a module above declares the file, or what it lies in, for tests.
fn is_for_tests(path: &Path) -> bool {
    let folder = path.parent().expect("a folder");
    let above = [folder.with_extension("rs"), folder.join("mod.rs")];
    let module = path.file_stem().and_then(|stem| stem.to_str());
    let module = module.expect("a name");
    let declarations = [UNIT_TESTS, MODEL].map(|start| format!("{start} {module};"));
    let declares = |above: &PathBuf| {
        let text = fs::read_to_string(above).unwrap_or_default();
        declarations.iter().any(|one| text.contains(one))
    };
    above.iter().any(declares) || !folder.ends_with("src") && is_for_tests(folder)
}

fn code_of(text: &str) -> String {
    let text = text.split(UNIT_TESTS).next().unwrap_or_default();
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    text.lines().filter(is_code).collect::<Vec<_>>().join("\n")
}

/// The trees of all `use` declarations, public ones included.
fn uses(code: &str) -> Vec<String> {
    let mut trees = Vec::new();
    for (at, _) in code.match_indices("use ") {
        let line = code[..at].rsplit('\n').next().unwrap_or_default().trim();
        if line.is_empty() || line.starts_with("pub") {
            let tree = code[at + "use ".len()..].split(';').next();
            trees.extend(tree.map(str::to_owned));
        }
    }
    trees
}

/// Every path of a `use` tree, its braces gone.
fn expanded(tree: &str) -> Vec<String> {
    let Some((prefix, group)) = tree.split_once('{') else {
        return vec![tree.trim().to_owned()];
    };
    let members = members(group).into_iter();
    let paths = members.flat_map(|member| expanded(&format!("{}{}", prefix.trim(), member.trim())));
    paths.collect()
}

/// The members of a group whose opening brace is gone.
fn members(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut members = vec![String::new()];
    for sign in group.chars() {
        match sign {
            '}' if depth == 0 => break,
            ',' if depth == 0 => members.push(String::new()),
            _ => members.last_mut().expect("a member").push(sign),
        }
        depth += i32::from(sign == '{') - i32::from(sign == '}');
    }
    members.retain(|member| !member.trim().is_empty());
    members
}

fn heads_after(code: &str, prefix: &str) -> BTreeSet<String> {
    let mut heads = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        let rest = &code[at + prefix.len()..];
        match rest.strip_prefix('{') {
            Some(group) => heads.extend(members(group).iter().map(|member| head(member))),
            None => _ = heads.insert(head(rest)),
        }
    }
    heads
}

fn head(path: &str) -> String {
    let is_name = |sign: &char| sign.is_ascii_alphanumeric() || *sign == '_';
    path.trim_start().chars().take_while(is_name).collect()
}

#[test]
fn imports_are_read_in_every_form() {
    let source = Source {
        path: "middleware/dispatch/inner.rs".to_owned(),
        text: String::new(),
        code: "use std::fmt;\n\
               pub use crate::{hub::{Hub, Peer}, protocol};\n\
               pub(super) use super::{\n    super::{shared::Shared, socket as s},\n    Failure,\n};\n\
               fn f(_: crate::Config) { crate::session::run() }"
            .to_owned(),
    };
    let heads: Vec<_> = source.heads().into_iter().collect();
    assert_eq!(heads, ["Config", "hub", "protocol", "session"]);
    let imports: Vec<_> = source
        .imports()
        .iter()
        .map(|path| path.join("::"))
        .collect();
    let expected = [
        "hub::Hub",
        "hub::Peer",
        "protocol",
        "middleware::shared::Shared",
        "middleware::socket",
        "middleware::dispatch::Failure",
    ];
    assert_eq!(imports, expected);
}
