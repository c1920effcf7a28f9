//! What belongs in one place only.

use http::StatusCode;

use super::{source::sources, starts_with_any, violations};

/// Refusals, what error frames share with them, and the server of the one file.
const NAMES_STATUSES: &[&str] = &[
    "middleware/rejection/",
    "protocol/error_frame.rs",
    "script/service.rs",
];

/// The socket's task and the tasks of a link to other nodes; beside them only what stands outside of
/// the library's way of a message.
const SELECTS: &[&str] = &[
    "backplane/",
    "history/",
    "hub/cluster/bridge.rs",
    "hub/history/shared/worker.rs",
    "session/",
    "server/",
    "testing/",
];

/// Types that a server puts into a request's extensions: they exist with its feature only.
const FEATURES_INSIDE: &[&str] = &["middleware/request/extensions.rs", "server/service.rs"];

/// What the model of the hub's threads replaces, declares and makes smaller.
const KNOWS_MODEL: &[&str] = &[
    "sync.rs",
    "hub/mod.rs",
    "hub/cluster/mod.rs",
    "hub/delivery/fanout/",
];

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
                let item = item.strip_prefix("pub(super) ").unwrap_or(item);
                let item = item.strip_prefix("pub(crate) ").unwrap_or(item);
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
        let knows = file.code.contains("shuttle") && !starts_with_any(&file.path, KNOWS_MODEL);
        knows.then(|| "shuttle".to_owned())
    });
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn every_place_exists() {
    let files = sources();
    let places = [NAMES_STATUSES, SELECTS, FEATURES_INSIDE, KNOWS_MODEL].concat();
    let exists = |place: &&str| files.iter().any(|file| file.path.starts_with(*place));
    let missing: Vec<_> = places.into_iter().filter(|place| !exists(place)).collect();
    assert_eq!(missing, [""; 0]);
}

/// Promises are counted by the tests of modules, which a moved file takes along.
#[test]
fn the_soak_counts_the_tests_of_modules_that_exist() {
    let soak = include_str!("../../soak/named.rs");
    let filters = soak.split("(\"--lib\", \"").skip(1);
    let filters: Vec<_> = filters.filter_map(|rest| rest.split('"').next()).collect();
    assert!(filters.len() > 5, "the filters were not found");
    let modules: Vec<_> = sources()
        .iter()
        .map(|file| {
            let module = file.path.trim_end_matches(".rs").trim_end_matches("/mod");
            module.replace('/', "::") + "::"
        })
        .collect();
    let names_one = |filter: &&str| modules.iter().any(|module| module.contains(*filter));
    let missing: Vec<_> = filters.into_iter().filter(|one| !names_one(one)).collect();
    assert_eq!(missing, [""; 0]);
}

/// The name of a status's constant in the `http` crate.
fn constant_of(status: u16) -> Option<String> {
    let reason = StatusCode::from_u16(status).ok()?.canonical_reason()?;
    let name = reason.replace('\'', "").replace([' ', '-'], "_");
    Some(name.to_ascii_uppercase())
}

#[test]
fn every_file_of_tests_is_compiled() {
    let main = include_str!("../main.rs");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/it");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let module = format!("mod {name};");
        assert!(
            name == "main"
                || main
                    .lines()
                    .any(|line| line.trim_start().ends_with(&module)),
            "{name} is not a module of tests/it/main.rs"
        );
    }
}
