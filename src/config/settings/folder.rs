use std::path::{Path, PathBuf};
use std::{fs, io};

use super::{Cause, ConfigError, Settings, Spot, load};
use crate::config::ConfigErrorKind;

const NAMES: &[&str] = &[
    "WebConnectionWebServerSettings.xml",
    "webconnection-settings.xml",
    "web.config",
];

/// Loads the only settings file of a folder, and tells which it is.
pub(super) fn load_only(dir: &Path) -> Result<(PathBuf, Settings), ConfigError> {
    let here = |cause| ConfigError::of_file(dir, Spot::default(), cause);
    let mut of_iis = None;
    let mut found = Vec::new();
    for path in candidates(dir).map_err(|error| here(error.into()))? {
        match load(&path) {
            Err(error) if error.kind() == ConfigErrorKind::NoSection => of_iis = Some(error),
            settings => found.push((path, settings)),
        }
    }
    if found.len() > 1 {
        let paths = found.into_iter().map(|(path, _)| path).collect();
        return Err(here(Cause::SeveralFiles(paths)));
    }
    match found.pop() {
        Some((path, settings)) => Ok((path, settings?)),
        None => Err(of_iis.unwrap_or_else(|| here(Cause::NoFile(NAMES)))),
    }
}

fn candidates(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if NAMES.iter().any(|known| name.eq_ignore_ascii_case(known)) {
            paths.push(entry.path());
        }
    }
    // The order of a folder is the file system's whim, and these end up in an error.
    paths.sort();
    Ok(paths)
}
