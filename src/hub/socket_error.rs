//! The error of calls on a socket.

use std::{error::Error, fmt, sync::Arc};

/// Why a call on a socket failed.
///
/// # Examples
///
/// ```
/// use web_connection_socket::{Config, ConnectionId, Hub, SocketErrorKind};
///
/// let hub = Hub::new(&Config::new());
/// let gone: ConnectionId = "00000000000000010000000000000002".parse().unwrap();
/// let error = hub.join(gone, "news").unwrap_err();
/// assert_eq!(error.kind(), SocketErrorKind::NotConnected);
/// ```
#[derive(Clone, Debug)]
pub struct SocketError {
    kind: SocketErrorKind,
    cause: Option<Arc<serde_json::Error>>,
}

impl SocketError {
    pub(crate) fn new(kind: SocketErrorKind) -> Self {
        Self { kind, cause: None }
    }

    pub(super) fn presence_not_json(cause: serde_json::Error) -> Self {
        Self {
            kind: SocketErrorKind::PresenceNotJson,
            cause: Some(Arc::new(cause)),
        }
    }

    /// Returns what went wrong.
    #[must_use]
    pub fn kind(&self) -> SocketErrorKind {
        self.kind
    }
}

impl fmt::Display for SocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            SocketErrorKind::NotConnected => {
                "the socket is closed, or the message was posted and has none"
            }
            SocketErrorKind::TooManyGroups => {
                "the socket would be in more groups than `Config::max_groups` allows, or their names \
                 together would be longer than `Config::max_handshake_size`"
            }
            SocketErrorKind::NameTooLong => {
                "the name of a user or group is longer than `Config::max_name_length` allows"
            }
            SocketErrorKind::QueueFull => {
                "the socket's outgoing queue is full, so it is being closed with 1013"
            }
            SocketErrorKind::TooManyReplies => {
                "the answer to a posted message holds 1024 replies, of `Config::max_queue_bytes` in all; \
                 reply with fewer"
            }
            SocketErrorKind::NoPresence => {
                "no rule of `Config::presence` names the group, so its members are not known"
            }
            SocketErrorKind::PresenceNotJson => "the presence value does not convert to JSON",
            SocketErrorKind::PresenceTooLarge => {
                "the presence value takes more than 1 KiB as JSON; put in it where the rest is found"
            }
            SocketErrorKind::TooManyWatches => "the socket watches 64 groups already",
        })
    }
}

impl Error for SocketError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| &**cause as _)
    }
}

/// The kinds of [`SocketError`].
///
/// # Examples
///
/// ```
/// use web_connection_socket::{Socket, SocketErrorKind};
///
/// fn enter(socket: &Socket, room: &str) {
///     match socket.join(room).map_err(|error| error.kind()) {
///         Err(SocketErrorKind::TooManyGroups) => println!("{} is everywhere", socket.user()),
///         Err(SocketErrorKind::NotConnected) | Ok(()) => {}
///         Err(kind) => println!("{kind:?}"),
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocketErrorKind {
    /// The socket does not exist or is closing, or the message was posted and has none. For a reply to
    /// a posted message: its request was answered already.
    NotConnected,
    /// The socket is in [`Config::max_groups`](crate::Config::max_groups) groups already, or the names
    /// of its groups together take
    /// [`Config::max_handshake_size`](crate::Config::max_handshake_size).
    TooManyGroups,
    /// The name of a user or group has more bytes than
    /// [`Config::max_name_length`](crate::Config::max_name_length) allows.
    NameTooLong,
    /// The outgoing queue had no room; the socket is being closed.
    QueueFull,
    /// The answer to a posted message had no room for one more reply.
    TooManyReplies,
    /// No rule of [`Config::presence`](crate::Config::presence) names the group.
    NoPresence,
    /// A presence value does not serialize to JSON; the source of the error says why.
    PresenceNotJson,
    /// A presence value takes more than 1 KiB.
    PresenceTooLarge,
    /// The socket watches the members of 64 groups already.
    TooManyWatches,
}
