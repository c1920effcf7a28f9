use std::error::Error;
use std::fmt;
use std::time::Duration;

use http::StatusCode;
use http::uri::InvalidUri;
use tower::BoxError;

/// A message could not be broadcast, or a [`Broadcaster`](super::Broadcaster) not be made.
///
/// Its text is one line for an operator, the server's reason included. Tokens are never repeated.
///
/// # Examples
///
/// ```
/// use web_connection_socket::{BroadcastErrorKind, Broadcaster, SocketMessage};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), web_connection_socket::BroadcastError> {
/// // Port 1 of this machine: nobody listens.
/// let broadcaster = Broadcaster::new("http://127.0.0.1:1/")?;
/// let error = broadcaster.broadcast(&SocketMessage::new("refresh")).await.unwrap_err();
/// assert_eq!(error.kind(), BroadcastErrorKind::Connect);
/// assert_eq!(error.status(), None);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct BroadcastError {
    // Boxed, so that a result stays as small as its report.
    cause: Box<Cause>,
}

impl BroadcastError {
    /// Returns what went wrong.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{BroadcastError, BroadcastErrorKind};
    ///
    /// /// Whether the message certainly reached nobody, so that it may be sent again.
    /// fn is_unsent(error: &BroadcastError) -> bool {
    ///     matches!(error.kind(), BroadcastErrorKind::Connect | BroadcastErrorKind::Refused)
    /// }
    /// ```
    #[must_use]
    pub fn kind(&self) -> BroadcastErrorKind {
        match *self.cause {
            Cause::Url(_) => BroadcastErrorKind::Url,
            Cause::Token => BroadcastErrorKind::Token,
            Cause::Trust { kind, .. } => kind,
            Cause::Connect(_) => BroadcastErrorKind::Connect,
            Cause::Broken(_) => BroadcastErrorKind::Broken,
            Cause::Timeout(_) => BroadcastErrorKind::Timeout,
            Cause::Refused { .. } => BroadcastErrorKind::Refused,
            Cause::NotAReport(_) => BroadcastErrorKind::NotAReport,
        }
    }

    /// Returns the status that the server answered, if it answered.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::BroadcastError;
    ///
    /// fn token_is_wrong(error: &BroadcastError) -> bool {
    ///     error.status().is_some_and(|status| status == 401)
    /// }
    /// ```
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match *self.cause {
            Cause::Refused { status, .. } | Cause::NotAReport(status) => Some(status),
            _ => None,
        }
    }

    /// Returns the server's reason for its refusal: a sentence that says whom it saw, and which
    /// setting would let them in.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::BroadcastError;
    ///
    /// fn show(error: &BroadcastError) {
    ///     println!("{}", error.detail().unwrap_or("the server gave no reason"));
    /// }
    /// ```
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        match &*self.cause {
            Cause::Refused { problem, .. } => problem.detail.as_deref(),
            _ => None,
        }
    }

    /// Returns the key of the server's reason, such as `token_wrong`, to decide by
    /// ([`RejectionKind::as_str`](crate::RejectionKind::as_str)).
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::BroadcastError;
    ///
    /// fn server_is_closing(error: &BroadcastError) -> bool {
    ///     error.code() == Some("shutting_down")
    /// }
    /// ```
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match &*self.cause {
            Cause::Refused { problem, .. } => problem.code.as_deref(),
            _ => None,
        }
    }
}

impl From<Cause> for BroadcastError {
    fn from(cause: Cause) -> Self {
        Self {
            cause: Box::new(cause),
        }
    }
}

impl fmt::Display for BroadcastError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

// The text holds the causes already, so that a plain `{error}` in a log is enough.
impl Error for BroadcastError {}

/// What went wrong with a broadcast, and whether the message may have been sent all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BroadcastErrorKind {
    /// The base URL is not one. Nothing was sent.
    Url,
    /// The token is not one. Nothing was sent.
    Token,
    /// A root certificate is not one. Nothing was sent.
    Certificate,
    /// There is no connection: name, address, port or certificate. Nothing was sent.
    Connect,
    /// The connection broke before the whole answer was there. The message may have been sent.
    Broken,
    /// There was no whole answer in time. The message may have been sent.
    Timeout,
    /// The server refused, or failed: [`status`](BroadcastError::status) and
    /// [`detail`](BroadcastError::detail) say why. A refusal by our layer sent nothing.
    Refused,
    /// Whoever answered accepted the request and gave no report: probably another server than the
    /// one that was meant.
    NotAReport,
}

/// Why a message could not be broadcast.
#[derive(Debug)]
pub(super) enum Cause {
    Url(UrlFlaw),
    Token,
    /// Whether there is TLS, and whom it trusts.
    Trust {
        kind: BroadcastErrorKind,
        error: BoxError,
    },
    Connect(BoxError),
    Broken(BoxError),
    Timeout(Duration),
    Refused {
        status: StatusCode,
        problem: Problem,
    },
    NotAReport(StatusCode),
}

impl Cause {
    pub(super) fn of_client(error: hyper_util::client::legacy::Error) -> Self {
        if error.is_connect() {
            Self::Connect(error.into())
        } else {
            Self::Broken(error.into())
        }
    }
}

/// What is wrong with a base URL. It is not repeated: it may hold a password.
#[derive(Debug)]
pub(super) enum UrlFlaw {
    Unreadable(InvalidUri),
    Scheme,
    Query,
    Password,
    Port,
}

/// What the server says about a refusal.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) detail: Option<String>,
    pub(super) code: Option<String>,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(flaw) => write!(f, "the base URL cannot be used: {flaw}"),
            Self::Token => {
                f.write_str("a bearer token is visible ASCII without spaces, and not empty")
            }
            Self::Trust { error, .. } => error.fmt(f),
            Self::Connect(error) => {
                f.write_str("the server cannot be reached")?;
                write_chain(f, &**error)
            }
            Self::Broken(error) => {
                f.write_str("the connection broke before the whole answer was there")?;
                write_chain(f, &**error)
            }
            Self::Timeout(time) => write!(f, "the server did not answer within {time:?}"),
            Self::Refused { status, problem } => {
                write!(f, "the server answered {status}")?;
                match &problem.detail {
                    Some(detail) => write!(f, ": {detail}"),
                    None => Ok(()),
                }
            }
            Self::NotAReport(status) => write!(
                f,
                "the server answered {status} without a report: there is probably no \
                 WebConnectionSocketLayer at this URL"
            ),
        }
    }
}

impl fmt::Display for UrlFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => error.fmt(f),
            Self::Scheme => f.write_str("it does not begin with http:// or https://"),
            Self::Query => f.write_str("it has a query or a fragment"),
            Self::Password => f.write_str("it holds a user or password; use a bearer token"),
            Self::Port => f.write_str("its port is not a number up to 65535"),
        }
    }
}

/// What a client library reports says nothing by itself: the reason is the end of a chain.
fn write_chain(f: &mut fmt::Formatter<'_>, error: &(dyn Error + 'static)) -> fmt::Result {
    let mut next = error.source();
    while let Some(error) = next {
        write!(f, ": {error}")?;
        next = error.source();
    }
    Ok(())
}
