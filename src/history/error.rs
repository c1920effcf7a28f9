//! The error of a store.

use std::{error::Error, fmt};

/// The error of a call to a store.
///
/// # Examples
///
/// ```
/// use web_connection_socket::history::{HistoryError, HistoryErrorKind};
///
/// let error = HistoryError::new(HistoryErrorKind::Unanswered, "no answer within 2 s");
/// assert_eq!(error.kind(), HistoryErrorKind::Unanswered);
/// assert_eq!(
///     error.to_string(),
///     "the history's store did not answer, and may have stored the entry: no answer within 2 s",
/// );
/// ```
#[derive(Debug)]
pub struct HistoryError {
    kind: HistoryErrorKind,
    cause: Box<dyn Error + Send + Sync>,
}

impl HistoryError {
    /// Returns an error of a kind, with what was wrong.
    #[must_use]
    pub fn new(kind: HistoryErrorKind, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind,
            cause: cause.into(),
        }
    }

    /// Returns why the call failed.
    #[must_use]
    pub fn kind(&self) -> HistoryErrorKind {
        self.kind
    }
}

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            HistoryErrorKind::Unreachable => "the history's store is not connected: ",
            HistoryErrorKind::Full => "too much waits for the history's store: ",
            HistoryErrorKind::Refused => "the history's store refused: ",
            HistoryErrorKind::Unanswered => {
                "the history's store did not answer, and may have stored the entry: "
            }
        })?;
        self.cause.fmt(f)
    }
}

impl Error for HistoryError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // The cause is part of the text already.
        self.cause.source()
    }
}

/// Why a call to a store failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HistoryErrorKind {
    /// There is no connection. Nothing was stored.
    Unreachable,
    /// The store's queue is full. Nothing was stored.
    Full,
    /// The store refused: it has no memory left, or the user lacks a permission. Nothing was stored.
    Refused,
    /// There was no answer in time. The entry may have been stored, or may yet be.
    Unanswered,
}
