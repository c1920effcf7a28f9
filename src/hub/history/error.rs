//! The error of a query about a stream.

use std::{error::Error, fmt};

/// The error of [`Hub::history`](crate::Hub::history) and [`Hub::position`](crate::Hub::position).
///
/// # Examples
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use web_connection_socket::{Config, HistoryQueryErrorKind, Hub};
///
/// let error = Hub::new(&Config::new()).position("lobby").await.unwrap_err();
/// assert_eq!(error.kind(), HistoryQueryErrorKind::NoRule);
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryQueryError {
    kind: HistoryQueryErrorKind,
}

impl HistoryQueryError {
    pub(in crate::hub) const fn new(kind: HistoryQueryErrorKind) -> Self {
        Self { kind }
    }

    /// Returns what went wrong.
    #[must_use]
    pub fn kind(&self) -> HistoryQueryErrorKind {
        self.kind
    }
}

impl fmt::Display for HistoryQueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            HistoryQueryErrorKind::NoRule => {
                "no rule keeps messages of this stream; add one with Config::history"
            }
            HistoryQueryErrorKind::OtherStream => {
                "the position is of another stream; pass one of this stream's messages"
            }
            HistoryQueryErrorKind::Unavailable => {
                "the store of the history did not answer; try again later"
            }
        })
    }
}

impl Error for HistoryQueryError {}

/// Why a query about a stream failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HistoryQueryErrorKind {
    /// No [`HistoryRule`](crate::config::HistoryRule) is for the stream.
    NoRule,
    /// The position is of another stream.
    OtherStream,
    /// The [store](crate::WebConnectionSocketLayer::history_store) did not answer.
    Unavailable,
}
