//! The error of a broker's description that cannot be right.

use std::{error::Error, fmt};

use super::address::UrlFlaw;
use crate::tls::UnusableCertificate;

/// The description of a broker cannot be right, so no connection is ever tried.
///
/// A broker that is not there, or refuses a password, is not such an error: the cluster keeps trying.
/// The text never repeats a URL, which may hold a password.
///
/// # Examples
///
/// ```
/// use web_connection_socket::backplane::{RedisBackplane, SetupErrorKind};
///
/// let error = RedisBackplane::new("localhost:6379").unwrap_err();
/// assert_eq!(error.kind(), SetupErrorKind::Url);
/// assert_eq!(
///     error.to_string(),
///     "the broker's URL cannot be used and is not tried: it does not begin with redis:// or rediss://",
/// );
/// ```
#[derive(Debug)]
pub struct SetupError {
    kind: SetupErrorKind,
    cause: Box<dyn Error + Send + Sync>,
}

impl SetupError {
    pub(crate) fn new(
        kind: SetupErrorKind,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self {
            kind,
            cause: cause.into(),
        }
    }

    /// Returns what is wrong.
    #[must_use]
    pub fn kind(&self) -> SetupErrorKind {
        self.kind
    }
}

impl From<UrlFlaw> for SetupError {
    fn from(flaw: UrlFlaw) -> Self {
        Self::new(SetupErrorKind::Url, flaw)
    }
}

impl From<UnusableCertificate> for SetupError {
    fn from(error: UnusableCertificate) -> Self {
        Self::new(SetupErrorKind::Certificate, error)
    }
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            SetupErrorKind::Url => {
                f.write_str("the broker's URL cannot be used and is not tried: ")?
            }
            SetupErrorKind::Credentials => f.write_str("the credentials cannot be used: ")?,
            SetupErrorKind::Certificate => {}
        }
        self.cause.fmt(f)
    }
}

impl Error for SetupError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // The cause is part of the text already.
        self.cause.source()
    }
}

/// What is wrong with the description of a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SetupErrorKind {
    /// A URL is not valid.
    Url,
    /// A root certificate is not valid.
    Certificate,
    /// A credentials file is not valid.
    Credentials,
}
