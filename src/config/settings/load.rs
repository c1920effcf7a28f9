//! Loads one settings file, and the file to which its section refers.

use std::path::{Path, PathBuf};

use super::document::{Document, Settings};
use super::flaw::{Cause, Elsewhere, Flaw};
use super::link::Link;
use super::{file, xml};
use crate::config::ConfigError;

/// Loads what a settings file says, with the file that its section refers to.
pub(super) fn load(path: &Path) -> Result<Settings, ConfigError> {
    let document = read(path).map_err(|flaw| flaw.in_file(path))?;
    let Some(link) = document.link.clone() else {
        return document.complete().map_err(|flaw| flaw.in_file(path));
    };
    let (target, followed) = follow(path, &link)?;
    // As in .NET, the other file overrides this one.
    let (told_by, enabled_line) = match followed.settings.enabled {
        Some(_) => (target.as_path(), followed.enabled_line),
        None => (path, document.enabled_line),
    };
    let whole = Document {
        settings: Settings {
            enabled: followed.settings.enabled.or(document.settings.enabled),
            script_map: followed
                .settings
                .script_map
                .or(document.settings.script_map),
        },
        enabled_line,
        ..followed
    };
    whole.complete().map_err(|flaw| flaw.in_file(told_by))
}

/// Reads the file that a section refers to. That one may not refer to another, so there is no circle.
fn follow(path: &Path, link: &Link) -> Result<(PathBuf, Document), ConfigError> {
    let at_link = |cause| link.flaw(cause).in_file(path);
    let target = link.target(path).map_err(at_link)?;
    let text = file::read_text(&target).map_err(|cause| {
        at_link(Cause::Followed {
            path: target.clone(),
            cause: Box::new(cause),
        })
    })?;
    let followed = xml::parse_document(&text).map_err(|flaw| flaw.in_file(&target))?;
    if let Some(onward) = &followed.link {
        return Err(onward.flaw(Elsewhere::LeadsOn).in_file(&target));
    }
    if !followed.has_section && followed.settings == Settings::default() {
        return Err(Flaw::from(Cause::Empty).in_file(&target));
    }
    Ok((target, followed))
}

fn read(path: &Path) -> Result<Document, Flaw> {
    xml::parse_document(&file::read_text(path)?)
}
