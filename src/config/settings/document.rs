//! What a settings file says, and what is wrong with it.

use super::link::Link;
use super::{Cause, PROCESS_SCRIPT_MAP, Spot};
use crate::config::ScriptMap;

/// What settings files say about sockets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) enabled: Option<bool>,
    pub(super) script_map: Option<ScriptMap>,
}

/// What is wrong with a settings file, and where.
#[derive(Clone, Debug)]
pub(super) struct Flaw {
    pub(super) spot: Spot,
    pub(super) cause: Cause,
}

/// What one file says, before that is known to be all.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) settings: Settings,
    /// The line that turns sockets on or off.
    pub(super) switch_line: Option<usize>,
    /// The file that holds the rest of its section, and overrides it.
    pub(super) link: Option<Link>,
    pub(super) has_section: bool,
}

impl Document {
    /// Checks that nothing is missing, and takes the settings.
    pub(super) fn complete(self) -> Result<Settings, Flaw> {
        let settings = self.settings;
        if settings.enabled == Some(true) && settings.script_map.is_none() {
            let key = Some(PROCESS_SCRIPT_MAP);
            return Err(flaw(self.switch_line, key, Cause::NoScriptMap));
        }
        Ok(settings)
    }
}

pub(super) fn flaw(
    line: Option<usize>,
    key: Option<&'static str>,
    cause: impl Into<Cause>,
) -> Flaw {
    Flaw {
        spot: Spot { line, key },
        cause: cause.into(),
    }
}
