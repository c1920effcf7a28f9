//! What West Wind documents is pinned: each documented row has a test that is named for it.

use std::{collections::BTreeSet, fs, ops::RangeInclusive, path::Path};

/// The rows of the protocol that are documented behaviour.
const ROWS: RangeInclusive<u8> = 1..=15;

#[test]
fn every_documented_row_has_a_test_named_for_it() {
    let mut named = BTreeSet::new();
    for folder in ["src", "tests", "examples"] {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(folder);
        collect(&folder, &mut named);
    }
    let missing: Vec<_> = ROWS.filter(|row| !named.contains(row)).collect();
    assert!(missing.is_empty(), "no test for the rows {missing:?}");
}

fn collect(folder: &Path, named: &mut BTreeSet<u8>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, named);
        } else if let Ok(text) = fs::read_to_string(&path) {
            named.extend(text.lines().flat_map(rows));
        }
    }
}

/// The rows in a test's name: `fn s05_s06_…` in Rust, `test("s13: …` in JavaScript.
fn rows(line: &str) -> Vec<u8> {
    let line = line.trim_start();
    let name = ["fn ", "async fn ", "test(\"", "test('"]
        .iter()
        .find_map(|start| line.strip_prefix(start));
    let parts = name.into_iter().flat_map(|name| name.split(['_', ':']));
    let row = |part: &str| {
        part.strip_prefix('s')
            .filter(|row| row.len() == 2)?
            .parse()
            .ok()
    };
    parts.map_while(row).collect()
}

#[test]
fn names_are_read_in_both_languages() {
    assert_eq!(
        rows("    async fn s05_s06_a_program_broadcasts() {"),
        [5, 6]
    );
    assert_eq!(rows("fn s15_markdown() {}"), [15]);
    assert_eq!(rows("test(\"s13: a message\", () => {"), [13]);
    assert_eq!(rows("fn sso_works() {}"), [0; 0]);
    assert_eq!(rows("// s14_ is missing"), [0; 0]);
}
