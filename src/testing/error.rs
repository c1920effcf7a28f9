//! Why a test client could not go on.

use std::{error::Error as StdError, fmt, time::Duration};

use bytes::Bytes;
use http::Response;
use tokio_tungstenite::tungstenite::{self, protocol::CloseFrame};
use tower::BoxError;

use crate::protocol::{CloseReason, MessageError};

/// Why a test client could not go on. [`Server`](super::Server) and [`Client`](super::Client) have
/// examples.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
}

#[derive(Debug)]
enum ErrorKind {
    Refused(Box<Response<Bytes>>),
    Closed(CloseReason),
    NotAMessage {
        text: String,
        error: MessageError,
    },
    TimedOut {
        late: &'static str,
        timeout: Duration,
        received: String,
    },
    Unexpected(String),
    Other(BoxError),
}

impl Error {
    /// Returns the response to a handshake that was refused.
    #[must_use]
    pub fn refusal(&self) -> Option<&Response<Bytes>> {
        match &self.kind {
            ErrorKind::Refused(response) => Some(response),
            _ => None,
        }
    }

    /// Returns why the server closed the socket.
    #[must_use]
    pub fn close_reason(&self) -> Option<&CloseReason> {
        match &self.kind {
            ErrorKind::Closed(reason) => Some(reason),
            _ => None,
        }
    }

    /// Whether [`Server::timeout`](super::Server::timeout) ended a wait.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self.kind, ErrorKind::TimedOut { .. })
    }

    /// `late`: half a sentence that says what did not happen; `received`: what came before, if any.
    pub(super) fn timed_out(late: &'static str, timeout: Duration, received: String) -> Self {
        Self {
            kind: ErrorKind::TimedOut {
                late,
                timeout,
                received,
            },
        }
    }

    pub(super) fn unexpected(message: String) -> Self {
        Self {
            kind: ErrorKind::Unexpected(message),
        }
    }

    pub(super) fn refused(response: Response<Bytes>) -> Self {
        Self {
            kind: ErrorKind::Refused(Box::new(response)),
        }
    }

    pub(super) fn closed(frame: Option<CloseFrame>) -> Self {
        let reason = match frame {
            Some(frame) => {
                CloseReason::received(frame.code.into(), frame.reason.as_str().to_owned())
            }
            None => CloseReason::NO_STATUS,
        };
        Self {
            kind: ErrorKind::Closed(reason),
        }
    }

    pub(super) fn not_a_message(text: String, error: MessageError) -> Self {
        Self {
            kind: ErrorKind::NotAMessage { text, error },
        }
    }

    pub(super) fn from_tungstenite(error: tungstenite::Error) -> Self {
        let kind = match error {
            tungstenite::Error::Http(response) => {
                return Self::refused(response.map(|body| body.unwrap_or_default().into()));
            }
            tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => {
                ErrorKind::Closed(CloseReason::NO_STATUS)
            }
            error => ErrorKind::Other(error.into()),
        };
        Self { kind }
    }

    pub(super) fn other(error: impl Into<BoxError>) -> Self {
        Self {
            kind: ErrorKind::Other(error.into()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ErrorKind::Refused(response) => {
                let body = String::from_utf8_lossy(response.body());
                write!(
                    f,
                    "the socket was refused with {}: {body}",
                    response.status()
                )
            }
            ErrorKind::Closed(reason) => write!(f, "the socket was closed: {reason}"),
            ErrorKind::NotAMessage { text, error } => {
                write!(
                    f,
                    "the text received is not a valid message ({error}): {text}"
                )
            }
            ErrorKind::TimedOut {
                late,
                timeout,
                received,
            } => {
                write!(f, "{late} within {timeout:?} (Server::timeout)")?;
                match &**received {
                    "" => Ok(()),
                    received => write!(f, "; {received}"),
                }
            }
            ErrorKind::Unexpected(message) => {
                write!(f, "an unexpected message came: {message}")
            }
            ErrorKind::Other(error) => write!(f, "the connection failed: {error}"),
        }
    }
}

impl StdError for Error {}
