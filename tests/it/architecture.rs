//! The shape of the source, read as text: who may know whom, and what belongs in one place only.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use http::StatusCode;

/// From the lowest layer to the highest: what each module of the crate may import from the others.
const ARROWS: &[(&str, &[&str])] = &[
    ("protocol", &[]),
    ("script", &[]),
    ("config", &["protocol"]),
    ("backplane", &["protocol"]),
    ("broadcaster", &["protocol"]),
    ("hub", &["backplane", "config", "protocol"]),
    ("session", &["config", "hub", "protocol"]),
    ("middleware", &["config", "hub", "protocol", "session"]),
    ("axum", &["hub", "middleware", "protocol"]),
    ("testing", &["hub", "middleware", "protocol"]),
];

/// Refusals, what error frames share with them, and the server of the one file.
const NAMES_STATUSES: &[&str] = &[
    "middleware/rejection/",
    "protocol/error.rs",
    "script/service.rs",
];

/// The socket's task and the backplane's; beside them only what stands outside of the library's
/// way of a message.
const SELECTS: &[&str] = &["session/", "hub/bridge.rs", "axum/serve.rs", "testing.rs"];

/// Types that a server puts into a request's extensions: they exist with its feature only.
const FEATURES_INSIDE: &[&str] = &["middleware/server.rs"];

const LONGEST_FILE: usize = 450;

/// How a file's unit tests begin; they stand at its end.
const UNIT_TESTS: &str = "#[cfg(test)]\nmod";

#[test]
fn modules_import_what_lies_below_them_and_nothing_else() {
    let mut wrong = Vec::new();
    for file in sources() {
        for target in file.imports() {
            let allowed = ARROWS.iter().find(|(module, _)| *module == file.module());
            let (_, allowed) = allowed.unwrap_or_else(|| panic!("{} has no layer", file.module()));
            if target != file.module() && !allowed.contains(&target.as_str()) {
                wrong.push(format!("{}: crate::{target}", file.path));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn types_are_imported_from_their_module_not_from_the_root() {
    let is_type = |target: &String| target.starts_with(|first: char| first.is_ascii_uppercase());
    let wrong = violations(|file| file.imports().into_iter().find(is_type));
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn no_two_modules_of_a_folder_import_each_other_in_a_ring() {
    let files = sources();
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in &files {
        let Some((from, targets)) = file.siblings(&files) else {
            continue;
        };
        arrows.entry(from).or_default().extend(targets);
    }
    let nodes: Vec<_> = arrows.keys().cloned().collect();
    let rings: Vec<_> = nodes
        .iter()
        .filter(|node| reaches(&arrows, node, node))
        .collect();
    assert_eq!(rings, [""; 0]);
}

#[test]
fn one_place_names_the_statuses_of_refusals() {
    let names: Vec<_> = (400..600).filter_map(constant_of).collect();
    let wrong = violations(|file| {
        let named = |name: &&String| {
            // Reading the application's answer is not refusing.
            let code = file.code.replace("== StatusCode::", "");
            code.contains(&format!("StatusCode::{name}"))
        };
        if starts_with_any(&file.path, NAMES_STATUSES) {
            return None;
        }
        names.iter().find(named).cloned()
    });
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn only_tasks_select() {
    let wrong = violations(|file| {
        let selects = file.code.contains("select!") || file.code.contains("select_biased!");
        (selects && !starts_with_any(&file.path, SELECTS)).then(|| "select!".to_owned())
    });
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn features_stop_at_a_modules_boundary() {
    let wrong = violations(|file| {
        let lines: Vec<_> = file.code.lines().map(str::trim).collect();
        let is_inside = |at: &usize| {
            let item = lines[at + 1..].iter().find(|line| !line.starts_with("#["));
            let boundary = item.is_some_and(|item| {
                let item = item.strip_prefix("pub ").unwrap_or(item);
                item.starts_with("mod ") && item.ends_with(';') || item.starts_with("use self::")
            });
            lines[*at].starts_with("#[cfg(") && lines[*at].contains("feature") && !boundary
        };
        let found = (0..lines.len()).find(is_inside)?;
        (!starts_with_any(&file.path, FEATURES_INSIDE)).then(|| lines[found].to_owned())
    });
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn a_file_is_one_idea() {
    let wrong = violations(|file| {
        let lines = file.text.lines().count();
        (lines > LONGEST_FILE && file.path != "hub/outbox.rs").then(|| format!("{lines} lines"))
    });
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn nothing_is_left_for_later_or_printed() {
    let wrong = violations(|file| {
        let later = ["TODO", "FIXME", "XXX"];
        let later = later.into_iter().find(|word| file.text.contains(word));
        let left = ["dbg!", "println!", "eprintln!", "todo!", "unimplemented!"];
        let left = left.into_iter().find(|call| file.code.contains(call));
        later.or(left).map(str::to_owned)
    });
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn imports_are_read_in_every_form() {
    let code = "use crate::{hub::{Hub, Peer}, protocol};\n\
                fn f(_: crate::Config) { crate::session::run() }";
    let heads: Vec<_> = heads_after(code, "crate::").into_iter().collect();
    assert_eq!(heads, ["Config", "hub", "protocol", "session"]);
}

/// One file under `src/`.
struct Source {
    /// Relative to `src/`, with slashes.
    path: String,
    text: String,
    /// Without comments and unit tests.
    code: String,
}

impl Source {
    /// The crate's module that the file belongs to.
    fn module(&self) -> &str {
        let (module, _) = self.path.split_once(['/', '.']).expect("an extension");
        module
    }

    /// The first segment of everything that the file takes from the crate's root.
    fn imports(&self) -> BTreeSet<String> {
        if self.path == "lib.rs" {
            return BTreeSet::new();
        }
        heads_after(&self.code, "crate::")
    }

    /// The file's own module, and those beside it in its folder that it imports. `mod.rs` imports
    /// all of them by nature.
    fn siblings(&self, files: &[Source]) -> Option<(String, BTreeSet<String>)> {
        let (folder, name) = self.path.rsplit_once('/')?;
        if name == "mod.rs" {
            return None;
        }
        let absolute = format!("crate::{}::", folder.replace('/', "::"));
        let mut heads = heads_after(&self.code, &absolute);
        heads.extend(heads_after(
            &self.code.replace("super::super::", ""),
            "super::",
        ));
        let exists = |head: &String| {
            let file = [
                format!("{folder}/{head}.rs"),
                format!("{folder}/{head}/mod.rs"),
            ];
            files.iter().any(|other| file.contains(&other.path))
        };
        let targets = heads.into_iter().filter(exists);
        let targets = targets.map(|head| format!("{folder}/{head}")).collect();
        Some((self.path.trim_end_matches(".rs").to_owned(), targets))
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a text");
                let name = path.strip_prefix(&root).expect("a path under it");
                let name = name.to_str().expect("UTF-8");
                files.push(Source {
                    path: name.replace('\\', "/"),
                    code: if is_for_tests(&path) {
                        String::new()
                    } else {
                        code_of(&text)
                    },
                    text,
                });
            }
        }
    }
    assert!(files.len() > 50, "the source was not found");
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files
}

/// Whether the module above declares the file for its unit tests.
fn is_for_tests(path: &Path) -> bool {
    let folder = path.parent().expect("a folder");
    let above = [folder.with_extension("rs"), folder.join("mod.rs")];
    let module = path
        .file_stem()
        .and_then(|stem| stem.to_str())
        .expect("a name");
    let declares = |above: &PathBuf| {
        let text = fs::read_to_string(above).unwrap_or_default();
        text.contains(&format!("{UNIT_TESTS} {module};"))
    };
    above.iter().any(declares)
}

fn code_of(text: &str) -> String {
    let text = text.split(UNIT_TESTS).next().unwrap_or_default();
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    text.lines().filter(is_code).collect::<Vec<_>>().join("\n")
}

/// The first segment of every path that begins with `prefix`, groups in braces included.
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

fn head(path: &str) -> String {
    let is_name = |sign: &char| sign.is_ascii_alphanumeric() || *sign == '_';
    path.trim_start().chars().take_while(is_name).collect()
}

fn reaches(arrows: &BTreeMap<String, BTreeSet<String>>, from: &str, to: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![from];
    while let Some(node) = open.pop() {
        // A folder's files point outwards from wherever they lie in it.
        let inside = format!("{node}/");
        let parts = arrows
            .iter()
            .filter(|(name, _)| *name == node || name.starts_with(&inside));
        for target in parts.flat_map(|(_, targets)| targets) {
            if target == to {
                return true;
            }
            if seen.insert(target) {
                open.push(target);
            }
        }
    }
    false
}

fn violations(find: impl Fn(&Source) -> Option<String>) -> Vec<String> {
    let files = sources();
    let found = files
        .iter()
        .filter_map(|file| Some(format!("{}: {}", file.path, find(file)?)));
    found.collect()
}

fn starts_with_any(path: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| path.starts_with(prefix))
}

/// The name of a status's constant in the `http` crate.
fn constant_of(status: u16) -> Option<String> {
    let reason = StatusCode::from_u16(status).ok()?.canonical_reason()?;
    let name = reason.replace('\'', "").replace([' ', '-'], "_");
    Some(name.to_ascii_uppercase())
}
