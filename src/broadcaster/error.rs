//! Why a message could not be broadcast.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use http::StatusCode;
use http::uri::InvalidUri;
use tower::BoxError;

/// A message could not be broadcast, or a [`Broadcaster`](super::Broadcaster) could not be created.
///
/// Its text is one line for an operator and includes the server's reason. It never repeats a token.
///
/// # Examples
///
/// ```
/// use web_connection_socket::{BroadcastErrorKind, Broadcaster, SocketMessage};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), web_connection_socket::BroadcastError> {
/// // No server listens at port 1 of this machine.
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
    /// /// Tells whether the message certainly was not sent, so that it may be sent again.
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

    /// Returns the status of the server's answer, if there was one.
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

    /// Returns the server's reason for its refusal: a sentence that says which caller it saw, and which
    /// setting would admit that caller.
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

    /// Returns the key of the server's reason, such as `token_wrong`
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

/// What went wrong with a broadcast, and whether the message may have been sent nevertheless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BroadcastErrorKind {
    /// The base URL is not valid. Nothing was sent.
    Url,
    /// The token is not valid. Nothing was sent.
    Token,
    /// A root certificate is not valid. Nothing was sent.
    Certificate,
    /// No connection could be opened: name, address, port or certificate. Nothing was sent.
    Connect,
    /// The connection broke before the whole answer arrived. The message may have been sent.
    Broken,
    /// The whole answer did not arrive in time. The message may have been sent.
    Timeout,
    /// The server refused, or failed: [`status`](BroadcastError::status) and
    /// [`detail`](BroadcastError::detail) say why. A refusal by our layer sent nothing.
    Refused,
    /// The request was answered with success but without a report, probably by another server.
    NotAReport,
}

/// Why a message could not be broadcast.
#[derive(Debug)]
pub(super) enum Cause {
    Url(UrlFlaw),
    Token,
    /// A fault of TLS: missing, or with an invalid root certificate.
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

/// What is wrong with a base URL. The URL is not repeated: it may hold a password.
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
                f.write_str("not a valid bearer token, expected visible ASCII without spaces")
            }
            Self::Trust { error, .. } => error.fmt(f),
            Self::Connect(error) => {
                f.write_str("the server cannot be reached")?;
                write_chain(f, &**error)
            }
            Self::Broken(error) => {
                f.write_str("the connection broke before the whole answer arrived")?;
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

/// Writes the sources of an error: a client library's own text says little, the reason ends its chain.
fn write_chain(f: &mut fmt::Formatter<'_>, error: &(dyn Error + 'static)) -> fmt::Result {
    let mut next = error.source();
    while let Some(error) = next {
        write!(f, ": {error}")?;
        next = error.source();
    }
    Ok(())
}
