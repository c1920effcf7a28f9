//! The flaws that a settings file can have, in words for an operator.

use std::path::{Path, PathBuf};
use std::{fmt, io};

use crate::config::error::ParseValueError;
use crate::config::{ConfigError, ConfigErrorKind};

/// What is wrong with a settings file, and where.
#[derive(Debug)]
pub(super) struct Flaw {
    pub(super) spot: Spot,
    pub(super) cause: Cause,
}

/// The place in a file, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spot {
    /// Counted from 1.
    pub(super) line: Option<usize>,
    pub(super) key: Option<&'static str>,
}

impl Flaw {
    pub(super) fn new(
        line: Option<usize>,
        key: Option<&'static str>,
        cause: impl Into<Cause>,
    ) -> Self {
        Self {
            spot: Spot { line, key },
            cause: cause.into(),
        }
    }

    /// Names the file.
    pub(super) fn in_file(self, path: &Path) -> ConfigError {
        let Self { spot, cause } = self;
        let path = path.display();
        ConfigError::new(cause.kind(), format_args!("{path}{spot}: {cause}"))
    }
}

/// A flaw of the file as a whole.
impl From<Cause> for Flaw {
    fn from(cause: Cause) -> Self {
        Self {
            spot: Spot::default(),
            cause,
        }
    }
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if let Some(key) = self.key {
            write!(f, ", {key}")?;
        }
        Ok(())
    }
}

/// Why a settings file cannot be used.
#[derive(Debug)]
pub(super) enum Cause {
    Value(ParseValueError),
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
    Unreadable(io::Error),
}

/// What no XML reader could accept.
#[derive(Debug)]
pub(super) enum Malformed {
    Xml(quick_xml::Error),
    Unclosed,
    NoRoot,
    ElementInValue,
    UnknownEntity,
    DocumentType,
    Nul,
}

/// Why the content of a section that stands elsewhere is not read.
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

/// What two files say of one key.
#[derive(Debug)]
pub(super) struct Contradiction {
    pub(super) key: &'static str,
    pub(super) files: [(PathBuf, String); 2],
}

impl Cause {
    fn kind(&self) -> ConfigErrorKind {
        match self {
            Self::Value(error) => error.kind(),
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

impl<E: Into<ParseValueError>> From<E> for Cause {
    fn from(error: E) -> Self {
        Self::Value(error.into())
    }
}

impl From<Malformed> for Cause {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<Elsewhere> for Cause {
    fn from(elsewhere: Elsewhere) -> Self {
        Self::Elsewhere(elsewhere)
    }
}

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(error) => error.fmt(f),
            Self::NoScriptMap => {
                f.write_str("missing, but UseWebSockets is True; set it, for example to wwd")
            }
            Self::Repeated { first_line } => write!(f, "already set in line {first_line}"),
            Self::Malformed(malformed) => malformed.fmt(f),
            Self::NoSection => f.write_str("the file has no <webConnectionConfiguration>"),
            Self::Empty => f.write_str("empty; set UseWebSockets in it, or remove it"),
            Self::Elsewhere(elsewhere) => elsewhere.fmt(f),
            Self::Followed { path, cause } => write!(f, "{}: {cause}", path.display()),
            Self::TooLarge { limit } => write!(f, "larger than {limit} bytes"),
            Self::SeveralFiles(contradiction) => contradiction.fmt(f),
            Self::NoFile(names) => write!(f, "no settings file: looked for {}", names.join(", ")),
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
                "encrypted sections are not supported; put UseWebSockets and \
                 WebSocketProcessScriptmap into a settings file in plain text",
            ),
            Self::Built => f.write_str(
                "sections that a program fills in when the site starts are not supported; put \
                 UseWebSockets and WebSocketProcessScriptmap into a settings file",
            ),
            Self::Outside(path) => write!(
                f,
                "{path:?} is outside the folder of this file and is not followed; name a file \
                 beside it or below"
            ),
            Self::LeadsOn => {
                f.write_str("another file refers to this one, so it must hold the settings itself")
            }
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Xml(error) => write!(f, "not well-formed XML: {error}"),
            Self::Unclosed => f.write_str("not well-formed XML: it ends within an element"),
            Self::NoRoot => f.write_str("not XML: it has no element"),
            Self::ElementInValue => f.write_str("the value holds an element, expected text"),
            Self::UnknownEntity => f.write_str(
                "the value holds an entity other than &amp; &lt; &gt; &quot; &apos; and numbers",
            ),
            Self::DocumentType => f.write_str(
                "document types (<!DOCTYPE>) are not supported, and settings need none; remove it",
            ),
            Self::Nul => f.write_str("not text: it holds NUL characters; save it as UTF-8"),
        }
    }
}
