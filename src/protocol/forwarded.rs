//! The outcome of handing a message to the other nodes, as far as its report knows.

use std::{fmt, pin::Pin, sync::Arc};

/// Whether a message was handed to the other nodes.
///
/// # Examples
///
/// ```
/// use web_connection_socket::{Forwarded, NotForwarded};
///
/// let stayed = Forwarded::No(NotForwarded::Disconnected);
/// assert_eq!(stayed.as_bool(), Some(false));
/// assert_eq!(Forwarded::Unknown.as_bool(), None);
/// assert_eq!(stayed.to_string(), "no: there is no link to the broker");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Forwarded {
    /// The broker has confirmed it, as Redis does, or the connection to the broker took it, as with NATS,
    /// which confirms nothing: while the broker is frozen, that is no more than this machine's buffers.
    Yes,
    /// It stayed on the node that was asked.
    No(NotForwarded),
    /// It was sent, and the broker has not answered: other nodes may have it.
    Unknown,
}

/// Why a message stayed on the node that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotForwarded {
    /// The hub has no backplane.
    NoBackplane,
    /// The hub is closing its sockets and no longer forwards messages.
    ShuttingDown,
    /// No other node can have a recipient: the message is for connections of this one.
    NotNeeded,
    /// The connection's node is not one of the cluster's.
    NoSuchNode,
    /// There is no link to the broker. Nothing is saved up for the next one.
    Disconnected,
    /// 4 MiB wait for the broker already.
    QueueFull,
    /// It waited for the broker for more than a second.
    Expired,
    /// It has more than 1 MiB or 16 384 recipients.
    TooLarge,
    /// The broker refused it, or the link ended before it was sent.
    NotSent,
    /// The server did not say why, as always with [`Broadcaster`](crate::Broadcaster).
    Unspecified,
}

impl Forwarded {
    /// Returns it as the answer to a broadcast over HTTP tells it: `true`, `false` or `null`.
    #[must_use]
    pub fn as_bool(self) -> Option<bool> {
        match self {
            Self::Yes => Some(true),
            Self::No(_) => Some(false),
            Self::Unknown => None,
        }
    }
}

impl From<Option<bool>> for Forwarded {
    fn from(told: Option<bool>) -> Self {
        match told {
            Some(true) => Self::Yes,
            Some(false) => Self::No(NotForwarded::Unspecified),
            None => Self::Unknown,
        }
    }
}

impl fmt::Display for Forwarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Yes => f.write_str("yes"),
            Self::No(why) => write!(f, "no: {why}"),
            Self::Unknown => f.write_str("unknown: the broker did not answer"),
        }
    }
}

impl fmt::Display for NotForwarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoBackplane => "the hub has no backplane",
            Self::ShuttingDown => "the hub is shutting down",
            Self::NotNeeded => "no other node can have a recipient",
            Self::NoSuchNode => "no node of this cluster holds the connection",
            Self::Disconnected => "there is no link to the broker",
            Self::QueueFull => "too much waits for the broker",
            Self::Expired => "it waited too long for the broker",
            Self::TooLarge => "it is larger than 1 MiB, or has too many recipients",
            Self::NotSent => "the link to the broker failed before it was sent",
            Self::Unspecified => "the server did not say why",
        })
    }
}

/// What becomes of a message that is under way to the other nodes; their link implements it.
pub(crate) trait Receipt: Send + Sync {
    /// Returns what is known now.
    fn peek(&self) -> Option<Forwarded>;

    /// Waits until it is known, for a bounded time. Cancel safe.
    fn settled(&self) -> Pin<Box<dyn Future<Output = Forwarded> + Send + '_>>;
}

/// What a report knows of it.
#[derive(Clone)]
pub(crate) enum Forwarding {
    Settled(Forwarded),
    Pending(Arc<dyn Receipt>),
}

impl Forwarding {
    pub(crate) fn now(&self) -> Forwarded {
        match self {
            Self::Settled(forwarded) => *forwarded,
            Self::Pending(receipt) => receipt.peek().unwrap_or(Forwarded::Unknown),
        }
    }

    pub(crate) async fn settled(&self) -> Forwarded {
        match self {
            Self::Settled(forwarded) => *forwarded,
            Self::Pending(receipt) => receipt.settled().await,
        }
    }
}

impl fmt::Debug for Forwarding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.now().fmt(f)
    }
}
