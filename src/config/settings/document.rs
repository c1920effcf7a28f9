//! The settings of sockets in one settings file.

use super::flaw::{Cause, Flaw};
use super::link::Link;
use crate::config::ScriptMap;

/// What settings files say about sockets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) enabled: Option<bool>,
    pub(super) script_map: Option<ScriptMap>,
}

/// What one file says; its link may add to it.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) settings: Settings,
    /// The line that turns sockets on or off.
    pub(super) enabled_line: Option<usize>,
    /// The file that holds the rest of its section, and overrides it.
    pub(super) link: Option<Link>,
    pub(super) has_section: bool,
}

impl Document {
    /// Returns the settings, if none is missing.
    pub(super) fn complete(self) -> Result<Settings, Flaw> {
        let settings = self.settings;
        if settings.enabled == Some(true) && settings.script_map.is_none() {
            let key = Some(PROCESS_SCRIPT_MAP);
            return Err(Flaw::new(self.enabled_line, key, Cause::NoScriptMap));
        }
        Ok(settings)
    }
}

pub(super) const USE_WEB_SOCKETS: &str = "UseWebSockets";
pub(super) const PROCESS_SCRIPT_MAP: &str = "WebSocketProcessScriptmap";
