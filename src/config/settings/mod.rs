//! Settings from the files that Web Connection reads.

mod document;
mod file;
mod folder;
mod link;
mod xml;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use super::error::{Cause, Elsewhere, Spot};
use super::{Config, ConfigError};

use self::document::{Document, Flaw, Settings};
use self::link::Link;

pub(super) const USE_WEB_SOCKETS: &str = "UseWebSockets";
pub(super) const PROCESS_SCRIPT_MAP: &str = "WebSocketProcessScriptmap";

impl Config {
    /// Creates the default configuration with what a Web Connection settings file says.
    ///
    /// Short for [`Config::new`] and [`with_settings_file`](Self::with_settings_file).
    ///
    /// # Errors
    ///
    /// As [`with_settings_file`](Self::with_settings_file).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::from_settings_file("webconnection-settings.xml")?.with_env()?;
    /// # Ok::<(), web_connection_socket::config::ConfigError>(())
    /// ```
    pub fn from_settings_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        Self::new().with_settings_file(path)
    }

    /// Creates the default configuration with what the settings files of a folder say.
    ///
    /// Short for [`Config::new`] and [`with_settings_folder`](Self::with_settings_folder).
    ///
    /// # Errors
    ///
    /// As [`with_settings_folder`](Self::with_settings_folder).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::from_settings_folder(".")?.with_env()?;
    /// # Ok::<(), web_connection_socket::config::ConfigError>(())
    /// ```
    pub fn from_settings_folder(dir: impl AsRef<Path>) -> Result<Self, ConfigError> {
        Self::new().with_settings_folder(dir)
    }

    /// Lets a Web Connection settings file decide over what was set before.
    ///
    /// Two settings are read, in any letter case; the many others of these files are ignored:
    ///
    /// | name | option | left out |
    /// |---|---|---|
    /// | `UseWebSockets` | [`enabled`](Self::enabled): `True`, `1`, `yes` or `False`, `0`, `no` | off |
    /// | `WebSocketProcessScriptmap` | [`script_map`](Self::script_map) | unchanged while sockets are off, else an error |
    ///
    /// Both are elements anywhere in the file (`WebConnectionWebServerSettings.xml`,
    /// `webconnection-settings.xml`), or `<add key="…" value="…"/>` in the
    /// `<webConnectionConfiguration>` of a `web.config`, where `<remove key="…"/>` and `<clear/>` take
    /// back what stands before them. The lines alone, without an element around them, mean the same.
    /// UTF-8, UTF-16, and every encoding that keeps ASCII will do.
    ///
    /// A section with `configSource="…"` or `file="…"` is read from that file, beside the one that
    /// names it or below; what it says overrides what stands in the section itself.
    ///
    /// What comes later wins, so end with [`with_env`](Self::with_env): environment over file over
    /// code. The file is read at once; it blocks as long as the disk does.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is larger than 1 MiB, not well-formed or has a document type; if one
    /// of the two settings has a bad value, stands there twice, or is a missing script map; if a
    /// `web.config` has no `webConnectionConfiguration`, or the file or its section is empty; if the
    /// section is encrypted or made by a `configBuilders`, or refers to a file that is missing, that
    /// lies outside of the folder, or that refers to another. The text of the error names file, line
    /// and key.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    ///
    /// # let dir = std::env::temp_dir().join(format!("settings-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// # let path = dir.join("webconnection-settings.xml");
    /// # std::fs::write(&path, "<s><UseWebSockets>True</UseWebSockets><WebSocketProcessScriptmap>wc</WebSocketProcessScriptmap></s>")?;
    /// let config = Config::new()
    ///     .max_message_size(256 * 1024)
    ///     .with_settings_file(&path)?
    ///     .with_env()?;
    /// # std::fs::remove_dir_all(dir)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_settings_file(self, path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let settings = load(path)?;
        Ok(self.with_settings(path, settings))
    }

    /// Lets the Web Connection settings files of a folder decide over what was set before.
    ///
    /// Looks, in any letter case, for `WebConnectionWebServerSettings.xml`, which is the Core server's,
    /// `webconnection-settings.xml` and `web.config`. A `web.config` without
    /// `webConnectionConfiguration` is IIS's alone and does not count. Where there are several, each
    /// setting is taken from the first in this order that has it, and none may say something else.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read or holds no settings file, if two of them contradict each other, or
    /// for the reasons of [`with_settings_file`](Self::with_settings_file).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new()
    ///     .bearer_tokens(["from-the-vault"])
    ///     .with_settings_folder("/srv/shop")?
    ///     .with_env()?;
    /// # Ok::<(), web_connection_socket::config::ConfigError>(())
    /// ```
    pub fn with_settings_folder(self, dir: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let (path, settings) = folder::load_all(dir.as_ref())?;
        Ok(self.with_settings(&path, settings))
    }

    fn with_settings(mut self, path: &Path, settings: Settings) -> Self {
        if settings.enabled.is_none() {
            tracing::warn!(
                path = %path.display(),
                "the settings file does not say {USE_WEB_SOCKETS}: sockets are off"
            );
        }
        self.enabled = settings.enabled.unwrap_or(false);
        if let Some(map) = settings.script_map {
            self.paths.script_map = map;
        }
        self
    }
}

fn load(path: &Path) -> Result<Settings, ConfigError> {
    let document = document(path).map_err(|flaw| in_file(path, flaw))?;
    let Some(link) = document.link.clone() else {
        return document.complete().map_err(|flaw| in_file(path, flaw));
    };
    let (target, followed) = follow(path, &link)?;
    // As .NET has it: what the other file says counts.
    let (told_by, switch_line) = match followed.settings.enabled {
        Some(_) => (target.as_path(), followed.switch_line),
        None => (path, document.switch_line),
    };
    let whole = Document {
        settings: Settings {
            enabled: followed.settings.enabled.or(document.settings.enabled),
            script_map: followed
                .settings
                .script_map
                .or(document.settings.script_map),
        },
        switch_line,
        ..followed
    };
    whole.complete().map_err(|flaw| in_file(told_by, flaw))
}

/// Reads the file that a section refers to. That one may not refer to another, so there is no circle.
fn follow(path: &Path, link: &Link) -> Result<(PathBuf, Document), ConfigError> {
    let at_link = |cause| ConfigError::of_file(path, link.spot(), cause);
    let target = link.target(path).map_err(at_link)?;
    let text = file::read(&target).map_err(|cause| {
        at_link(Cause::Followed {
            path: target.clone(),
            cause: Box::new(cause),
        })
    })?;
    let followed = xml::read(&text).map_err(|flaw| in_file(&target, flaw))?;
    if let Some(onward) = &followed.link {
        let leads_on = Cause::from(Elsewhere::LeadsOn);
        return Err(ConfigError::of_file(&target, onward.spot(), leads_on));
    }
    if !followed.has_section && followed.settings == Settings::default() {
        return Err(ConfigError::of_file(&target, Spot::default(), Cause::Empty));
    }
    Ok((target, followed))
}

fn document(path: &Path) -> Result<Document, Flaw> {
    let text = file::read(path).map_err(|cause| Flaw {
        spot: Spot::default(),
        cause,
    })?;
    xml::read(&text)
}

fn in_file(path: &Path, Flaw { spot, cause }: Flaw) -> ConfigError {
    ConfigError::of_file(path, spot, cause)
}
