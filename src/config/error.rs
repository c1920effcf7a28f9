//! The error of a setting that comes from outside the code, and its kinds.

use std::error::Error;
use std::fmt;

use super::bool::ParseBoolError;
use super::{ParseBearerTokenError, ParseOriginError, ParseScriptMapError};

/// A setting from outside the code cannot be used.
///
/// Its text is one line for an operator: the place (the environment variable, or file, line and key)
/// and the reason. It never repeats a token.
///
/// # Examples
///
/// ```
/// use web_connection_socket::Config;
/// use web_connection_socket::config::ConfigErrorKind;
///
/// match Config::new().with_env() {
///     Ok(config) => drop(config),
///     // A restart does not help; the operator has to change the variable.
///     Err(error) if error.kind() == ConfigErrorKind::Origin => panic!("{error}"),
///     Err(error) => eprintln!("{error}"),
/// }
/// ```
#[derive(Clone, Debug)]
pub struct ConfigError {
    kind: ConfigErrorKind,
    text: Box<str>,
}

impl ConfigError {
    pub(super) fn new(kind: ConfigErrorKind, text: impl fmt::Display) -> Self {
        Self {
            kind,
            text: text.to_string().into(),
        }
    }

    /// Returns what is wrong with the setting.
    #[must_use]
    pub fn kind(&self) -> ConfigErrorKind {
        self.kind
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

// The text holds the cause already, so that a plain `{error}` in a log is enough.
impl Error for ConfigError {}

/// What is wrong with a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConfigErrorKind {
    /// The variable is not Unicode.
    NotUnicode,
    /// The text is not a bearer token.
    Token,
    /// The text is not an origin.
    Origin,
    /// The text is neither a yes nor a no.
    Bool,
    /// The text is not a script map.
    ScriptMap,
    /// The file turns sockets on and names no script map.
    NoScriptMap,
    /// The file sets one key twice.
    Repeated,
    /// The file is not well-formed XML, or a value in it is not plain text.
    Malformed,
    /// The file is a `web.config` without a `webConnectionConfiguration` section.
    NoSection,
    /// The file, or its `webConnectionConfiguration` section, holds no settings at all.
    Empty,
    /// The content of the section cannot be read: it is encrypted, built by a program, outside the
    /// folder, or behind a second reference.
    Elsewhere,
    /// The file is larger than 1 MiB.
    TooLarge,
    /// The folder holds several settings files that contradict each other.
    SeveralFiles,
    /// The file does not exist, or the folder holds none.
    NotFound,
    /// The file or folder cannot be read.
    Unreadable,
}

/// The text of a setting does not parse.
#[derive(Clone, Debug)]
pub(super) enum ParseValueError {
    Token(ParseBearerTokenError),
    Origin(ParseOriginError),
    Bool(ParseBoolError),
    ScriptMap(ParseScriptMapError),
}

impl ParseValueError {
    pub(super) fn kind(&self) -> ConfigErrorKind {
        match self {
            Self::Token(_) => ConfigErrorKind::Token,
            Self::Origin(_) => ConfigErrorKind::Origin,
            Self::Bool(_) => ConfigErrorKind::Bool,
            Self::ScriptMap(_) => ConfigErrorKind::ScriptMap,
        }
    }
}

impl fmt::Display for ParseValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(error) => error.fmt(f),
            Self::Origin(error) => error.fmt(f),
            Self::Bool(error) => error.fmt(f),
            Self::ScriptMap(error) => error.fmt(f),
        }
    }
}

impl From<ParseBearerTokenError> for ParseValueError {
    fn from(error: ParseBearerTokenError) -> Self {
        Self::Token(error)
    }
}

impl From<ParseOriginError> for ParseValueError {
    fn from(error: ParseOriginError) -> Self {
        Self::Origin(error)
    }
}

impl From<ParseBoolError> for ParseValueError {
    fn from(error: ParseBoolError) -> Self {
        Self::Bool(error)
    }
}

impl From<ParseScriptMapError> for ParseValueError {
    fn from(error: ParseScriptMapError) -> Self {
        Self::ScriptMap(error)
    }
}
