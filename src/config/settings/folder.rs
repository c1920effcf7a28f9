//! The settings files of a folder, read as one.

use std::path::{Path, PathBuf};
use std::{fs, io};

use super::document::{PROCESS_SCRIPT_MAP, Settings, USE_WEB_SOCKETS};
use super::flaw::{Cause, Contradiction, Flaw};
use super::load::load;
use crate::config::{ConfigError, ConfigErrorKind, ScriptMap};

/// Loads what the settings files of a folder say together, and returns the path of the first.
pub(super) fn load_all(dir: &Path) -> Result<(PathBuf, Settings), ConfigError> {
    let here = |cause: Cause| Flaw::from(cause).in_file(dir);
    let mut without_section = None;
    let mut found = Vec::new();
    for path in candidates(dir).map_err(|error| here(error.into()))? {
        match load(&path) {
            Err(error) if error.kind() == ConfigErrorKind::NoSection => {
                without_section = Some(error)
            }
            settings => found.push((path, settings?)),
        }
    }
    let settings = agreed(&found).map_err(here)?;
    match found.into_iter().next() {
        Some((path, _)) => Ok((path, settings)),
        None => Err(without_section.unwrap_or_else(|| here(Cause::NoFile(NAMES)))),
    }
}

/// Merges the files: each setting comes from the first file that has it.
fn agreed(files: &[(PathBuf, Settings)]) -> Result<Settings, Cause> {
    let yes_or_no = |on: &bool| if *on { "True" } else { "False" }.to_owned();
    let enabled = said(
        files,
        USE_WEB_SOCKETS,
        |settings| settings.enabled,
        yes_or_no,
    )?;
    let lower = |map: &ScriptMap| map.as_str().to_ascii_lowercase();
    let maps = |settings: &Settings| settings.script_map.clone();
    let script_map = match enabled {
        Some(true) => said(files, PROCESS_SCRIPT_MAP, maps, lower)?,
        // While sockets are off, files may differ in it.
        _ => files.iter().find_map(|(_, settings)| maps(settings)),
    };
    Ok(Settings {
        enabled,
        script_map,
    })
}

/// Returns a setting of the first file that has it, unless another file contradicts.
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
    // The file system lists a folder in any order.
    paths.sort();
    Ok(paths.into_iter().map(|(_, path)| path).collect())
}

/// The Core server's file comes first: the spelling of the first file that has a setting counts.
const NAMES: &[&str] = &[
    "WebConnectionWebServerSettings.xml",
    "webconnection-settings.xml",
    "web.config",
];
