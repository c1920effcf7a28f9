//! The error of a link to a broker.

use std::{error::Error, fmt};

/// Why a link to a broker could not be opened, or is over.
///
/// # Examples
///
/// ```
/// use web_connection_socket::backplane::{BackplaneError, BackplaneErrorKind};
///
/// let error = BackplaneError::unconfirmed("connection reset by peer");
/// assert_eq!(error.kind(), BackplaneErrorKind::Unconfirmed);
/// assert_eq!(
///     error.to_string(),
///     "connection reset by peer; whether the last messages have reached the broker is not known",
/// );
/// ```
#[derive(Debug)]
pub struct BackplaneError {
    kind: BackplaneErrorKind,
    cause: Box<dyn Error + Send + Sync>,
}

impl BackplaneError {
    /// Returns the error of a link that was not opened, or of commands of which none reached the broker.
    #[must_use]
    pub fn not_sent(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind: BackplaneErrorKind::NotSent,
            cause: cause.into(),
        }
    }

    /// Returns the error of commands that were sent and not confirmed: each may have been executed.
    #[must_use]
    pub fn unconfirmed(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind: BackplaneErrorKind::Unconfirmed,
            cause: cause.into(),
        }
    }

    /// Returns what is known of the commands.
    #[must_use]
    pub fn kind(&self) -> BackplaneErrorKind {
        self.kind
    }
}

impl fmt::Display for BackplaneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)?;
        if self.kind == BackplaneErrorKind::Unconfirmed {
            f.write_str("; whether the last messages have reached the broker is not known")?;
        }
        Ok(())
    }
}

impl Error for BackplaneError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // The cause is part of the text already.
        self.cause.source()
    }
}

/// What is known of the commands of a link that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BackplaneErrorKind {
    /// The link was not opened, or none of the commands reached the broker.
    NotSent,
    /// The commands were sent and the broker has not confirmed them: it may have executed each.
    Unconfirmed,
}
