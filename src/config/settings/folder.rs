//! The settings files of a folder, read as one.

use std::path::{Path, PathBuf};
use std::{fs, io};

use super::{Cause, ConfigError, PROCESS_SCRIPT_MAP, Settings, Spot, USE_WEB_SOCKETS, load};
use crate::config::error::Contradiction;
use crate::config::{ConfigErrorKind, ScriptMap};

/// The Core server's first: where files agree, or only one says something, its spelling counts.
const NAMES: &[&str] = &[
    "WebConnectionWebServerSettings.xml",
    "webconnection-settings.xml",
    "web.config",
];

/// Loads what the settings files of a folder say together, and tells the first of them.
pub(super) fn load_all(dir: &Path) -> Result<(PathBuf, Settings), ConfigError> {
    let here = |cause| ConfigError::of_file(dir, Spot::default(), cause);
    let mut of_iis = None;
    let mut found = Vec::new();
    for path in candidates(dir).map_err(|error| here(error.into()))? {
        match load(&path) {
            Err(error) if error.kind() == ConfigErrorKind::NoSection => of_iis = Some(error),
            settings => found.push((path, settings?)),
        }
    }
    let settings = agreed(&found).map_err(here)?;
    match found.into_iter().next() {
        Some((path, _)) => Ok((path, settings)),
        None => Err(of_iis.unwrap_or_else(|| here(Cause::NoFile(NAMES)))),
    }
}

/// Takes of each setting what the first file says that says something.
fn agreed(files: &[(PathBuf, Settings)]) -> Result<Settings, Cause> {
    let switch = |on: &bool| if *on { "True" } else { "False" }.to_owned();
    let enabled = said(files, USE_WEB_SOCKETS, |settings| settings.enabled, switch)?;
    let lower = |map: &ScriptMap| map.as_str().to_ascii_lowercase();
    let maps = |settings: &Settings| settings.script_map.clone();
    let script_map = match enabled {
        Some(true) => said(files, PROCESS_SCRIPT_MAP, maps, lower)?,
        // While sockets are off it does not matter.
        _ => files.iter().find_map(|(_, settings)| maps(settings)),
    };
    Ok(Settings {
        enabled,
        script_map,
    })
}

/// Returns what the first file says of a key, if no other says something else.
fn said<T>(
    files: &[(PathBuf, Settings)],
    key: &'static str,
    value: impl Fn(&Settings) -> Option<T>,
    meaning: impl Fn(&T) -> String,
) -> Result<Option<T>, Cause> {
    let mut told = files
        .iter()
        .filter_map(|(path, settings)| Some((path, value(settings)?)));
    let Some((first, value)) = told.next() else {
        return Ok(None);
    };
    match told.find(|(_, other)| meaning(other) != meaning(&value)) {
        Some((second, other)) => Err(Cause::SeveralFiles(Box::new(Contradiction {
            key,
            files: [
                (first.clone(), meaning(&value)),
                (second.clone(), meaning(&other)),
            ],
        }))),
        None => Ok(Some(value)),
    }
}

fn candidates(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let rank = NAMES
            .iter()
            .position(|known| name.eq_ignore_ascii_case(known));
        paths.extend(rank.map(|rank| (rank, entry.path())));
    }
    // The order of a folder is the file system's whim.
    paths.sort();
    Ok(paths.into_iter().map(|(_, path)| path).collect())
}
