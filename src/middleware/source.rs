//! Where a message came from: a socket, or the caller that posted it.

use std::sync::Arc;

use super::{handshake::Handshake, replies::Caller};
use crate::hub::{SocketEntry, SocketError, SocketErrorKind};

/// Where a message came from, which is where replies to it go.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Socket(Arc<Connection>),
    /// A program that posted it.
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

/// What a socket is to the application, for as long as anything refers to it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) peer: Arc<SocketEntry>,
    /// Kept for dispatches; relays need none.
    pub(super) handshake: Option<Handshake>,
}
