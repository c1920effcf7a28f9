//! The shape of the source, read as text: what may import what, and how a file is written.

mod arrows;
mod files;
mod places;
mod prose;

mod imports;
mod modules;
mod source;

use self::source::{Source, sources};

/// Folders and files that still wait to be put in order: only what would be new in them is held.
/// The list shrinks; it is to be empty.
const UNFINISHED: &[&str] = &[];

/// What is wrong with each file, if anything.
fn violations(find: impl Fn(&Source) -> Option<String>) -> Vec<String> {
    let files = sources();
    let found = files
        .iter()
        .filter_map(|file| Some(format!("{}: {}", file.path, find(file)?)));
    found.collect()
}

/// The same for the files that are in order already.
fn violations_in_finished(find: impl Fn(&Source) -> Option<String>) -> Vec<String> {
    violations(|file| (!starts_with_any(&file.path, UNFINISHED)).then(|| find(file))?)
}

fn starts_with_any(path: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| path.starts_with(prefix))
}
