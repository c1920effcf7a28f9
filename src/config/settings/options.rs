//! The options that are read from settings files.

use std::path::Path;

use super::document::{Settings, USE_WEB_SOCKETS};
use super::folder::load_all;
use super::load::load;
use crate::config::{Config, ConfigError};

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
    pub fn from_settings_folder(dir: impl AsRef<Path>) -> Result<Self, ConfigError> {
        Self::new().with_settings_folder(dir)
    }

    /// Overrides options with what a Web Connection settings file says.
    ///
    /// Two settings are read, in any letter case; the many others of these files are ignored:
    ///
    /// | name | option | if missing |
    /// |---|---|---|
    /// | `UseWebSockets` | [`enabled`](Self::enabled): `True`, `1`, `yes` or `False`, `0`, `no` | off |
    /// | `WebSocketProcessScriptmap` | [`script_map`](Self::script_map) | unchanged while sockets are off, else an error |
    ///
    /// Both are elements anywhere in the file (`WebConnectionWebServerSettings.xml`,
    /// `webconnection-settings.xml`), or `<add key="…" value="…"/>` in the
    /// `<webConnectionConfiguration>` of a `web.config`, where `<remove key="…"/>` and `<clear/>` take
    /// back what stands before them. These lines alone, without an element around them, mean the same.
    /// The file may be in UTF-8, UTF-16 or any encoding that keeps ASCII.
    ///
    /// A section with `configSource="…"` or `file="…"` is read from that file, which must be in the same
    /// folder or below; that file overrides the section itself.
    ///
    /// Later calls win, so end with [`with_env`](Self::with_env): environment over file over code. The
    /// file is read at once, and blocks as long as the disk does.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is larger than 1 MiB, is not well-formed or has a document type; if
    /// one of the two settings has a bad value or is set twice, or the script map is missing; if a
    /// `web.config` has no `webConnectionConfiguration`, or the file or its section is empty; if the
    /// section is encrypted or uses `configBuilders`, or refers to a file that is missing, is outside the
    /// folder, or refers to another file. The text of the error names file, line and key.
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

    /// Overrides options with what the Web Connection settings files of a folder say.
    ///
    /// Looks, in any letter case, for `WebConnectionWebServerSettings.xml` (the Core server's),
    /// `webconnection-settings.xml` and `web.config`. A `web.config` without
    /// `webConnectionConfiguration` belongs to IIS alone and is skipped. If there are several files, each
    /// setting is taken from the first in this order that has it, and the others must agree.
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
        let (path, settings) = load_all(dir.as_ref())?;
        Ok(self.with_settings(&path, settings))
    }

    fn with_settings(mut self, path: &Path, settings: Settings) -> Self {
        if settings.enabled.is_none() {
            tracing::warn!(
                path = %path.display(),
                "sockets are off, because the settings file does not set {USE_WEB_SOCKETS}"
            );
        }
        self.enabled = settings.enabled.unwrap_or(false);
        if let Some(map) = settings.script_map {
            self.routes.script_map = map;
        }
        self
    }
}
