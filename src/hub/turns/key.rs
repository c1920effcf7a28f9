//! The key whose queue a piece of work waits in: a user, a client or a socket.

use crate::{
    hub::connection_limits::Client,
    protocol::{ConnectionId, UserId},
};

/// The key of a queue in which work waits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// A user that the application has verified, with all of its sockets.
    User(UserId),
    /// A client, if its sockets are counted.
    Client(Client),
    /// A socket of which neither is known.
    Socket(ConnectionId),
    /// All programs that post messages for the application.
    Callers,
}
