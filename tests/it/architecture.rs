//! The shape of the source, read as text: who may know whom, and what belongs in one place only.

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;

use crate::support::source::{Source, sources};

/// From the lowest layer to the highest: what each module of the crate may import from the others.
const ARROWS: &[(&str, &[&str])] = &[
    ("protocol", &[]),
    ("script", &[]),
    ("config", &["protocol"]),
    ("backplane", &["protocol"]),
    ("broadcaster", &["protocol"]),
    ("sync", &[]),
    ("unwind", &[]),
    ("frame", &["protocol"]),
    ("hub", &["backplane", "config", "frame", "protocol", "sync"]),
    ("streams", &[]),
    (
        "session",
        &["config", "frame", "hub", "protocol", "streams", "unwind"],
    ),
    (
        "middleware",
        &["config", "hub", "protocol", "session", "streams", "unwind"],
    ),
    ("extract", &["hub", "middleware", "protocol"]),
    ("server", &["hub", "middleware", "streams"]),
    ("testing", &["hub", "middleware", "protocol", "streams"]),
];

/// Refusals, what error frames share with them, and the server of the one file.
const NAMES_STATUSES: &[&str] = &[
    "middleware/rejection/",
    "protocol/error.rs",
    "script/service.rs",
];

/// The socket's task and the backplane's; beside them only what stands outside of the library's
/// way of a message.
const SELECTS: &[&str] = &["session/", "hub/bridge.rs", "server/", "testing/"];

/// Types that a server puts into a request's extensions: they exist with its feature only.
const FEATURES_INSIDE: &[&str] = &["middleware/request/extensions.rs", "server/service.rs"];

/// What the model of the hub's threads replaces, declares and makes smaller.
const KNOWS_MODEL: &[&str] = &["sync.rs", "hub/mod.rs", "hub/flusher.rs"];

const LONGEST_FILE: usize = 450;

#[test]
fn modules_import_what_lies_below_them_and_nothing_else() {
    let mut wrong = Vec::new();
    for file in sources() {
        for target in file.heads() {
            let module = &file.module()[0];
            let allowed = ARROWS.iter().find(|(its, _)| its == module);
            let (_, allowed) = allowed.unwrap_or_else(|| panic!("{module} has no layer"));
            if target != *module && !allowed.contains(&target.as_str()) {
                wrong.push(format!("{}: crate::{target}", file.path));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn types_are_imported_from_their_module_not_from_the_root() {
    let is_type = |target: &String| target.starts_with(|first: char| first.is_ascii_uppercase());
    let wrong = violations(|file| file.heads().into_iter().find(is_type));
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn no_two_modules_of_a_folder_import_each_other_in_a_ring() {
    let files = sources();
    let modules: BTreeSet<_> = files.iter().map(Source::module).collect();
    let mut arrows: BTreeMap<Vec<String>, BTreeSet<Vec<String>>> = BTreeMap::new();
    for file in files.iter().filter(|file| file.path != "lib.rs") {
        let from = file.module();
        for import in file.imports() {
            let parents = (1..=import.len()).rev().map(|length| &import[..length]);
            let Some(target) = parents.into_iter().find(|module| modules.contains(*module)) else {
                continue;
            };
            let common = from
                .iter()
                .zip(target)
                .take_while(|(one, other)| one == other);
            let common = common.count();
            // A module may point at what it lies in, and that at what lies in it.
            if common < from.len() && common < target.len() {
                let arrow = arrows.entry(from[..=common].to_vec()).or_default();
                arrow.insert(target[..=common].to_vec());
            }
        }
    }
    assert!(arrows.len() > 30, "the imports were not found");
    let in_ring = |module: &&Vec<String>| reaches(&arrows, module, module);
    let rings = arrows.keys().filter(in_ring);
    let rings: Vec<_> = rings.map(|module| module.join("::")).collect();
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
fn few_files_know_of_the_model_of_the_hubs_threads() {
    let wrong = violations(|file| {
        let knows = file.code.contains("shuttle") && !KNOWS_MODEL.contains(&file.path.as_str());
        knows.then(|| "shuttle".to_owned())
    });
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn a_file_is_one_idea() {
    let wrong = violations(|file| {
        let lines = file.text.lines().count();
        (lines > LONGEST_FILE).then(|| format!("{lines} lines"))
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

fn reaches(
    arrows: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>,
    from: &[String],
    to: &[String],
) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![from];
    while let Some(module) = open.pop() {
        for target in arrows.get(module).into_iter().flatten() {
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
