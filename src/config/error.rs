use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, io};

use super::switch::ParseSwitchError;
use super::{ParseBearerTokenError, ParseOriginError, ParseScriptMapError};

/// A setting from outside the code cannot be used.
///
/// Its text names the place — the environment variable, or file, line and key — and says why, all in
/// one line for an operator to read. Tokens are never repeated.
///
/// # Examples
///
/// ```
/// use web_connection_socket::Config;
/// use web_connection_socket::config::ConfigErrorKind;
///
/// let error = Config::from_settings_file("no-such-folder/web.config").unwrap_err();
/// assert_eq!(error.kind(), ConfigErrorKind::NotFound);
/// assert!(error.to_string().starts_with("no-such-folder/web.config: "));
/// ```
#[derive(Clone, Debug)]
pub struct ConfigError {
    place: Place,
    cause: Cause,
}

impl ConfigError {
    pub(super) fn of_variable(name: &'static str, cause: impl Into<Cause>) -> Self {
        Self {
            place: Place::Variable(name),
            cause: cause.into(),
        }
    }

    pub(super) fn of_file(path: &Path, spot: Spot, cause: impl Into<Cause>) -> Self {
        Self {
            place: Place::File(path.into(), spot),
            cause: cause.into(),
        }
    }

    /// Returns what is wrong with the setting.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::config::{ConfigError, ConfigErrorKind};
    ///
    /// fn is_typo(error: &ConfigError) -> bool {
    ///     matches!(error.kind(), ConfigErrorKind::Origin | ConfigErrorKind::Switch)
    /// }
    /// ```
    #[must_use]
    pub fn kind(&self) -> ConfigErrorKind {
        self.cause.kind()
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.cause)
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
    /// It is not a bearer token.
    Token,
    /// It is not an origin.
    Origin,
    /// It is neither a yes nor a no.
    Switch,
    /// It is not a script map.
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
    /// The section's content stands where it is not read: encrypted, outside of the folder, or behind a
    /// second reference.
    Elsewhere,
    /// The file is larger than 1 MiB.
    TooLarge,
    /// The folder holds several settings files that contradict each other.
    SeveralFiles,
    /// There is no such file, or none in the folder.
    NotFound,
    /// The file or folder cannot be read.
    Unreadable,
}

#[derive(Clone, Debug)]
enum Place {
    Variable(&'static str),
    File(PathBuf, Spot),
}

/// Where in a file, as far as that is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spot {
    /// Counted from 1.
    pub(super) line: Option<usize>,
    pub(super) key: Option<&'static str>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::File(path, spot) => {
                write!(f, "{}", path.display())?;
                if let Some(line) = spot.line {
                    write!(f, ", line {line}")?;
                }
                if let Some(key) = spot.key {
                    write!(f, ", {key}")?;
                }
                Ok(())
            }
        }
    }
}

/// Why a setting cannot be used.
#[derive(Clone, Debug)]
pub(super) enum Cause {
    NotUnicode,
    Token(ParseBearerTokenError),
    Origin(ParseOriginError),
    Switch(ParseSwitchError),
    ScriptMap(ParseScriptMapError),
    NoScriptMap,
    Repeated {
        first_line: usize,
    },
    Malformed(Malformed),
    NoSection,
    Empty,
    Elsewhere(Elsewhere),
    /// What is wrong with the file that a section refers to.
    Followed {
        path: PathBuf,
        cause: Box<Cause>,
    },
    TooLarge {
        limit: u64,
    },
    SeveralFiles(Box<Contradiction>),
    /// The names that were looked for.
    NoFile(&'static [&'static str]),
    NotAFile,
    Unreadable(Arc<io::Error>),
}

impl Cause {
    fn kind(&self) -> ConfigErrorKind {
        match self {
            Self::NotUnicode => ConfigErrorKind::NotUnicode,
            Self::Token(_) => ConfigErrorKind::Token,
            Self::Origin(_) => ConfigErrorKind::Origin,
            Self::Switch(_) => ConfigErrorKind::Switch,
            Self::ScriptMap(_) => ConfigErrorKind::ScriptMap,
            Self::NoScriptMap => ConfigErrorKind::NoScriptMap,
            Self::Repeated { .. } => ConfigErrorKind::Repeated,
            Self::Malformed(_) => ConfigErrorKind::Malformed,
            Self::NoSection => ConfigErrorKind::NoSection,
            Self::Empty => ConfigErrorKind::Empty,
            Self::Elsewhere(_) => ConfigErrorKind::Elsewhere,
            Self::TooLarge { .. } => ConfigErrorKind::TooLarge,
            Self::SeveralFiles(_) => ConfigErrorKind::SeveralFiles,
            Self::Followed { cause, .. } => cause.kind(),
            Self::NoFile(_) => ConfigErrorKind::NotFound,
            Self::Unreadable(error) if error.kind() == io::ErrorKind::NotFound => {
                ConfigErrorKind::NotFound
            }
            Self::NotAFile | Self::Unreadable(_) => ConfigErrorKind::Unreadable,
        }
    }
}

/// What no reader of XML could make sense of.
#[derive(Clone, Debug)]
pub(super) enum Malformed {
    Xml(quick_xml::Error),
    Unclosed,
    NoRoot,
    ElementInValue,
    UnknownEntity,
    DocumentType,
    Nul,
}

impl From<ParseBearerTokenError> for Cause {
    fn from(error: ParseBearerTokenError) -> Self {
        Self::Token(error)
    }
}

impl From<ParseOriginError> for Cause {
    fn from(error: ParseOriginError) -> Self {
        Self::Origin(error)
    }
}

impl From<ParseSwitchError> for Cause {
    fn from(error: ParseSwitchError) -> Self {
        Self::Switch(error)
    }
}

impl From<ParseScriptMapError> for Cause {
    fn from(error: ParseScriptMapError) -> Self {
        Self::ScriptMap(error)
    }
}

/// What two files say of one key.
#[derive(Clone, Debug)]
pub(super) struct Contradiction {
    pub(super) key: &'static str,
    pub(super) files: [(PathBuf, String); 2],
}

/// Why the content of a section, which is not where the section is, is not read.
#[derive(Clone, Debug)]
pub(super) enum Elsewhere {
    Encrypted,
    /// Made by a program when the site starts.
    Built,
    /// The path that leads out of the folder.
    Outside(Box<str>),
    /// From the file that was followed.
    LeadsOn,
}

impl From<Elsewhere> for Cause {
    fn from(elsewhere: Elsewhere) -> Self {
        Self::Elsewhere(elsewhere)
    }
}

impl From<Malformed> for Cause {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(Arc::new(error))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUnicode => f.write_str("not Unicode"),
            Self::Token(error) => error.fmt(f),
            Self::Origin(error) => error.fmt(f),
            Self::Switch(error) => error.fmt(f),
            Self::ScriptMap(error) => error.fmt(f),
            Self::NoScriptMap => {
                f.write_str("missing, and required where UseWebSockets is True; such as wwd")
            }
            Self::Repeated { first_line } => write!(f, "set before, in line {first_line}"),
            Self::Malformed(malformed) => malformed.fmt(f),
            Self::NoSection => f.write_str("there is no <webConnectionConfiguration> in it"),
            Self::Empty => f.write_str("empty; set UseWebSockets in it, or remove it"),
            Self::Elsewhere(elsewhere) => elsewhere.fmt(f),
            Self::Followed { path, cause } => write!(f, "{}: {cause}", path.display()),
            Self::TooLarge { limit } => write!(f, "larger than {limit} bytes"),
            Self::SeveralFiles(contradiction) => contradiction.fmt(f),
            Self::NoFile(names) => write!(f, "no settings file, that is {}", names.join(" or ")),
            Self::NotAFile => f.write_str("not a file"),
            Self::Unreadable(error) => write!(f, "cannot be read: {error}"),
        }
    }
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key;
        let [(first, says), (second, contradicts)] = &self.files;
        write!(
            f,
            "the settings files contradict each other: {key} is {says} in {} and {contradicts} in {}",
            first.display(),
            second.display()
        )
    }
}

impl fmt::Display for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encrypted => f.write_str(
                "the section is encrypted, and that is not undone here; put UseWebSockets and \
                 WebSocketProcessScriptmap into a settings file in the clear",
            ),
            Self::Built => f.write_str(
                "a program fills the section in when the site starts, and that is not done here; put \
                 UseWebSockets and WebSocketProcessScriptmap into a settings file as they are",
            ),
            Self::Outside(path) => write!(
                f,
                "{path:?} does not lie in the folder of this file, and is not followed; name a file \
                 beside it or below"
            ),
            Self::LeadsOn => f.write_str(
                "this file is referred to by another one and must hold the settings itself",
            ),
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Xml(error) => write!(f, "not well-formed XML: {error}"),
            Self::Unclosed => f.write_str("not well-formed XML: it ends within an element"),
            Self::NoRoot => f.write_str("not XML: there is no element"),
            Self::ElementInValue => f.write_str("the value holds an element, expected text"),
            Self::UnknownEntity => f.write_str(
                "the value holds an entity other than &amp; &lt; &gt; &quot; &apos; and numbers",
            ),
            Self::DocumentType => {
                f.write_str("a settings file needs no document type (<!DOCTYPE>); remove it")
            }
            Self::Nul => f.write_str("not text: it holds NUL characters; save it as UTF-8"),
        }
    }
}
