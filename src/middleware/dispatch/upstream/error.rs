//! Why an upstream cannot be used, and the mark of a request that was not sent.

use std::{error::Error, fmt};

use http::uri::InvalidUri;
use tower::BoxError;

/// An [`Upstream`](super::Upstream) could not be set up.
///
/// Its text says what was wrong, on one line. It never repeats a password of a URL.
///
/// # Examples
///
/// ```
/// use web_connection_socket::{Upstream, UpstreamErrorKind};
///
/// let error = Upstream::new("ws://127.0.0.1:8080").unwrap_err();
/// assert_eq!(error.kind(), UpstreamErrorKind::Url);
/// ```
#[derive(Debug)]
pub struct UpstreamError {
    cause: Cause,
}

/// What was wrong with the options of an upstream.
///
/// # Examples
///
/// ```
/// use web_connection_socket::{Upstream, UpstreamErrorKind};
///
/// fn is_mistyped(url: &str) -> bool {
///     Upstream::new(url).is_err_and(|error| error.kind() == UpstreamErrorKind::Url)
/// }
/// assert!(is_mistyped("http//127.0.0.1:8080"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpstreamErrorKind {
    /// The upstream's URL, or the URL for broadcasts, is not one that can be used. `https` needs the
    /// feature `client-tls`.
    Url,
    /// The certificate authorities cannot be used.
    Certificate,
}

impl UpstreamError {
    /// Returns what was wrong.
    #[must_use]
    pub fn kind(&self) -> UpstreamErrorKind {
        match self.cause {
            Cause::Url(_) => UpstreamErrorKind::Url,
            Cause::Trust { kind, .. } => kind,
        }
    }
}

impl From<Cause> for UpstreamError {
    fn from(cause: Cause) -> Self {
        Self { cause }
    }
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Url(flaw) => flaw.fmt(f),
            Cause::Trust { error, .. } => error.fmt(f),
        }
    }
}

// The text holds the causes already, so that a plain `{error}` in a log is enough.
impl Error for UpstreamError {}

#[derive(Debug)]
pub(super) enum Cause {
    Url(UrlFlaw),
    Trust {
        kind: UpstreamErrorKind,
        error: BoxError,
    },
}

/// What is wrong with a URL.
#[derive(Debug)]
pub(super) enum UrlFlaw {
    Unreadable(InvalidUri),
    NotAscii,
    Scheme,
    Query,
    Password,
    Port,
    /// `unix:` without an absolute path, or on a machine without such sockets.
    Socket,
}

impl fmt::Display for UrlFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "the URL cannot be read: {error}"),
            Self::NotAscii => {
                f.write_str("the URL must be of visible ASCII: percent-encode all other characters")
            }
            Self::Scheme => {
                f.write_str("the URL must be http://host, https://host or unix:/path/of/the.sock")
            }
            Self::Query => f.write_str("the URL must have no query and no fragment"),
            Self::Password => f.write_str("the URL must hold no user and no password"),
            Self::Port => f.write_str("the URL's port must be a number from 0 to 65535"),
            Self::Socket => {
                f.write_str("unix: needs the absolute path of a socket, on a Unix system")
            }
        }
    }
}

/// Marks the error of a client service as one of a request that did not leave.
///
/// [`Upstream::with_client`](super::Upstream::with_client) takes any tower service. A request that
/// failed with this error, or with an error that has it among its sources, is kept and sent again; after
/// any other error the application may have handled the request, so the sender is told
/// `unknown_outcome`.
///
/// # Examples
///
/// ```
/// use web_connection_socket::NotSent;
///
/// fn refuse_while_closed(open: bool) -> Result<(), NotSent> {
///     if open { Ok(()) } else { Err(NotSent::new("the circuit breaker is open")) }
/// }
/// assert!(refuse_while_closed(false).is_err());
/// ```
#[derive(Debug)]
pub struct NotSent {
    source: BoxError,
}

impl NotSent {
    /// Marks an error.
    #[must_use]
    pub fn new(error: impl Into<BoxError>) -> Self {
        Self {
            source: error.into(),
        }
    }
}

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request was not sent")
    }
}

impl Error for NotSent {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}
