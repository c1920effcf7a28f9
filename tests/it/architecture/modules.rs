//! Which file defines what a path names, however often it was re-exported on the way.

use std::collections::{BTreeMap, BTreeSet};

use super::source::Source;

/// All modules of the crate that are files, and the names that their `use` declarations bring in.
pub(super) struct Modules {
    files: BTreeSet<Vec<String>>,
    /// By module and name: the path of what the name stands for.
    names: BTreeMap<(Vec<String>, String), Vec<String>>,
    /// By module: the paths of what it brings in with a `*`.
    globs: BTreeMap<Vec<String>, Vec<Vec<String>>>,
}

impl Modules {
    pub(super) fn of(sources: &[Source]) -> Self {
        let mut modules = Self {
            files: sources.iter().map(Source::module).collect(),
            names: BTreeMap::new(),
            globs: BTreeMap::new(),
        };
        for source in sources {
            for import in source.imports() {
                if import.name == "*" {
                    let globs = modules.globs.entry(source.module());
                    globs.or_default().push(import.path);
                } else {
                    let name = (source.module(), import.name);
                    modules.names.insert(name, import.path);
                }
            }
        }
        modules
    }

    /// The module that is the file with what an absolute path names.
    pub(super) fn defining(&self, path: &[String]) -> Vec<String> {
        self.walk(path, &mut BTreeSet::new())
    }

    fn walk(&self, path: &[String], seen: &mut BTreeSet<Vec<String>>) -> Vec<String> {
        let mut module = Vec::new();
        for (at, name) in path.iter().enumerate() {
            module.push(name.clone());
            if self.files.contains(&module) {
                continue;
            }
            module.pop();
            if !seen.insert(path.to_vec()) {
                break;
            }
            let through = |start: &Vec<String>| [start, &path[at + 1..]].concat();
            if let Some(named) = self.names.get(&(module.clone(), name.clone())) {
                return self.walk(&through(named), seen);
            }
            for glob in self.globs.get(&module).into_iter().flatten() {
                let inside = [glob, &path[at..]].concat();
                let found = self.walk(&inside, seen);
                if found != *glob {
                    return found;
                }
            }
            break;
        }
        module
    }
}

#[test]
fn re_exports_lead_to_the_file_that_defines() {
    let file = |path: &str, code: &str| Source::new(path, code);
    let files = [
        file("lib.rs", "mod hub; mod deep;"),
        file(
            "hub/mod.rs",
            "mod frame;\npub(crate) use self::frame::{Frame, Head as Start};\npub use crate::deep::*;",
        ),
        file("hub/frame.rs", "pub struct Frame;"),
        file("hub/log.rs", "use super::Frame;\nuse std::fmt;"),
        file("deep/mod.rs", "pub(crate) use self::inner::Text;"),
        file("deep/inner.rs", "pub struct Text;"),
    ];
    let modules = Modules::of(&files);
    for (path, defining) in [
        ("hub::Frame", "hub::frame"),
        ("hub::Frame::new", "hub::frame"),
        ("hub::Start", "hub::frame"),
        ("hub::log::Frame", "hub::frame"),
        ("hub::frame", "hub::frame"),
        ("hub::Hub", "hub"),
        ("hub::Text", "deep::inner"),
        ("deep::Text", "deep::inner"),
    ] {
        let path: Vec<_> = path.split("::").map(str::to_owned).collect();
        assert_eq!(modules.defining(&path).join("::"), defining, "{path:?}");
    }
}
