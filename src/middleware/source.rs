//! The source of a message: a socket, or the caller that posted it.

use std::sync::Arc;

use super::{handshake::Handshake, replies::Caller};
use crate::hub::{SocketEntry, SocketError, SocketErrorKind};

/// The source of a message, which gets the replies to it.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Socket(Arc<Connection>),
    /// The caller that posted it.
    Request(Caller),
}

impl Source {
    pub(super) fn connection(&self) -> Result<&Connection, SocketError> {
        match self {
            Self::Socket(connection) => Ok(connection),
            Self::Request(_) => Err(SocketError::new(SocketErrorKind::NotConnected)),
        }
    }
}

/// An open socket as the application's handlers know it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) entry: Arc<SocketEntry>,
    /// Kept for the application; relaying needs none.
    pub(super) handshake: Option<Handshake>,
}
