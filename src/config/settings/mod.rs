//! Settings from the files that Web Connection reads.

mod file;
mod folder;
mod xml;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use std::path::Path;

use super::error::{Cause, Spot};
use super::{Config, ConfigError};

use self::xml::{Flaw, Settings};

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

    /// Creates the default configuration with what the one settings file of a folder says.
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
    /// Both are elements anywhere under the root (`WebConnectionWebServerSettings.xml`,
    /// `webconnection-settings.xml`), or `<add key="…" value="…"/>` in the
    /// `<webConnectionConfiguration>` of a `web.config`. UTF-8, UTF-16 with a byte-order mark, and
    /// every encoding that keeps ASCII will do. Entities of a document type are never expanded.
    ///
    /// What comes later wins, so end with [`with_env`](Self::with_env): environment over file over
    /// code. The file is read at once; it blocks as long as the disk does.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is larger than 1 MiB or not well-formed; if one of the two
    /// settings has a bad value, stands there twice, or is a missing script map; if a `web.config`
    /// has no `webConnectionConfiguration`. The text of the error names file, line and key.
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

    /// Lets the one Web Connection settings file of a folder decide over what was set before.
    ///
    /// Looks, in any letter case, for `WebConnectionWebServerSettings.xml`,
    /// `webconnection-settings.xml` and `web.config`. A `web.config` without
    /// `webConnectionConfiguration` is IIS's alone and does not count.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read, holds no settings file or more than one, or for the reasons of
    /// [`with_settings_file`](Self::with_settings_file).
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
        let (path, settings) = folder::load_only(dir.as_ref())?;
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
    let text =
        file::read(path).map_err(|cause| ConfigError::of_file(path, Spot::default(), cause))?;
    xml::read(&text).map_err(|Flaw { spot, cause }| ConfigError::of_file(path, spot, cause))
}
