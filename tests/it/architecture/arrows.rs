//! Imports point downwards, between the folders and inside them.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    UNFINISHED,
    modules::Modules,
    source::{Source, files_under, sources},
    starts_with_any, violations,
};

/// From the lowest layer to the highest: what each folder or file may import from the others.
///
/// The longest entry that a module begins with counts. An arrow to a folder includes what is below.
const ARROWS: &[(&str, &[&str])] = &[
    ("guide", &[]),
    ("protocol", &[]),
    ("script", &[]),
    ("sync", &[]),
    ("unwind", &[]),
    ("streams", &[]),
    ("tls", &[]),
    ("frame", &["protocol"]),
    // ("frame/deflate", &[]): one message in, one message out.
    ("config", &["protocol"]),
    ("broadcaster", &["protocol", "tls"]),
    // Carries bytes between nodes and knows no socket.
    ("backplane", &["sync", "tls"]),
    // Numbers and keeps entries of streams, which are bytes to it.
    ("history", &["backplane", "sync"]),
    ("hub", &["config", "frame", "protocol", "sync", "unwind"]),
    // One node of several: it knows the others by a backplane.
    (
        "hub/cluster",
        &[
            "backplane",
            "config",
            "frame",
            "hub",
            "protocol",
            "sync",
            "unwind",
        ],
    ),
    // Keeps streams itself, or in a store that nodes share.
    (
        "hub/history",
        &[
            "backplane",
            "config",
            "frame",
            "history",
            "hub",
            "protocol",
            "sync",
            "unwind",
        ],
    ),
    ("hub/sharing", &["frame", "history", "hub", "protocol"]),
    ("hub/clustering", &["backplane", "frame", "hub", "protocol"]),
    (
        "session",
        &["config", "frame", "hub", "protocol", "streams", "unwind"],
    ),
    (
        "middleware",
        &[
            "config", "frame", "hub", "protocol", "session", "streams", "unwind",
        ],
    ),
    (
        "middleware/dispatch/upstream/connect",
        &["middleware/dispatch/upstream", "tls"],
    ),
    (
        "middleware/builder/cluster",
        &["backplane", "history", "hub", "middleware"],
    ),
    // What is known of a request by its head alone.
    ("middleware/request", &["config"]),
    ("middleware/rejection", &["hub", "protocol"]),
    (
        "middleware/access",
        &[
            "config",
            "middleware/rejection",
            "middleware/request",
            "middleware/route",
        ],
    ),
    (
        "middleware/handshake",
        &[
            "config",
            "middleware/rejection",
            "middleware/request",
            "middleware/route",
            "protocol",
        ],
    ),
    // ("observe", &["config", "hub", "protocol"]): reads what the hub counts; nothing imports it
    // but `middleware`.
    ("extract", &["hub", "middleware", "protocol"]),
    ("server", &["hub", "middleware", "streams"]),
    ("testing", &["hub", "middleware", "protocol", "streams"]),
];

#[test]
fn modules_import_what_lies_below_them_and_nothing_else() {
    let files = sources();
    let modules = Modules::of(&files);
    let mut wrong = Vec::new();
    for file in files.iter().filter(|file| file.path != "lib.rs") {
        let from = file.module().join("/");
        let (home, allowed) = entry_of(&from).unwrap_or_else(|| panic!("{from} has no layer"));
        for path in file.paths() {
            let target = modules.defining(&path).join("/");
            let below = |folder: &&str| is_within(&target, folder);
            let goes_up = is_within(home, &target);
            if !is_within(&target, home) && !goes_up && !allowed.iter().any(below) {
                wrong.push(format!("{}: {}", file.path, path.join("::")));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn every_layer_exists() {
    let files = sources();
    let exists = |layer: &str| {
        files
            .iter()
            .any(|file| is_within(&file.module().join("/"), layer))
    };
    let named = ARROWS.iter().flat_map(|(layer, allowed)| {
        let allowed = allowed.iter().copied();
        allowed.chain([*layer])
    });
    let missing: BTreeSet<_> = named.filter(|layer| !exists(layer)).collect();
    assert_eq!(missing, BTreeSet::new());
}

#[test]
fn types_are_imported_from_their_module_not_from_the_root() {
    let wrong = violations(|file| {
        let mut paths = file.paths().into_iter();
        let is_of_root = |path: &Vec<String>| {
            let first = path.first().and_then(|name| name.chars().next());
            first.is_some_and(|first| first.is_ascii_uppercase())
        };
        paths.find(is_of_root).map(|path| path.join("::"))
    });
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn no_two_modules_of_a_folder_import_each_other_in_a_ring() {
    let mut rings = rings(&sources());
    rings.retain(|example| !starts_with_any(example, UNFINISHED));
    assert!(rings.is_empty(), "these close a ring: {rings:#?}");
}

#[test]
fn the_benchmarks_have_no_ring_either() {
    let rings = rings(&files_under("benches/fanout"));
    assert!(rings.is_empty(), "these close a ring: {rings:#?}");
}

#[test]
fn a_ring_through_a_re_export_is_found() {
    let files = [
        Source::new(
            "a/mod.rs",
            "mod one;\nmod two;\npub(crate) use self::two::Two;",
        ),
        Source::new("a/one.rs", "use super::Two;\npub struct One;"),
        Source::new("a/two.rs", "pub struct Two(super::one::One);"),
        Source::new("b.rs", "use crate::a::Two;"),
    ];
    let expected = ["a/one.rs uses a::Two", "a/two.rs uses a::one::One"];
    assert_eq!(rings(&files), expected);
}

/// The imports that close a ring between two files or folders of one folder.
fn rings(files: &[Source]) -> Vec<String> {
    let modules = Modules::of(files);
    let mut arrows: BTreeMap<Module, BTreeMap<Module, String>> = BTreeMap::new();
    for file in files {
        let from = file.module();
        for path in file.paths() {
            let target = modules.defining(&path);
            let pairs = from.iter().zip(&target);
            let common = pairs.take_while(|(one, other)| one == other).count();
            // A module may point at what it lies in, and that at what lies in it.
            if common < from.len() && common < target.len() {
                let arrow = arrows.entry(from[..=common].to_vec()).or_default();
                let example = format!("{} uses {}", file.path, path.join("::"));
                arrow.entry(target[..=common].to_vec()).or_insert(example);
            }
        }
    }
    assert!(!arrows.is_empty(), "the imports were not found");
    let mut rings = Vec::new();
    for (from, targets) in &arrows {
        let closing = targets.iter().filter(|(to, _)| reaches(&arrows, to, from));
        rings.extend(closing.map(|(_, example)| example.clone()));
    }
    rings
}

type Module = Vec<String>;

fn reaches(
    arrows: &BTreeMap<Module, BTreeMap<Module, String>>,
    from: &Module,
    to: &Module,
) -> bool {
    let mut seen = BTreeSet::from([from]);
    let mut open = vec![from];
    while let Some(module) = open.pop() {
        if module == to {
            return true;
        }
        let targets = arrows.get(module).into_iter().flat_map(BTreeMap::keys);
        open.extend(targets.filter(|target| seen.insert(target)));
    }
    false
}

/// The entry of [`ARROWS`] that holds for a module.
fn entry_of(module: &str) -> Option<(&'static str, &'static [&'static str])> {
    let entries = ARROWS.iter().filter(|(home, _)| is_within(module, home));
    entries.max_by_key(|(home, _)| home.len()).copied()
}

fn is_within(module: &str, folder: &str) -> bool {
    let rest = module.strip_prefix(folder);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || folder.is_empty())
}
