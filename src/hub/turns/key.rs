//! The key whose queue a piece of work waits in: a user, a client or a socket.

use crate::{
    hub::connection_limits::Client,
    protocol::{ConnectionId, UserId},
};

/// All that has one key waits in one queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// A user whom the application has verified, with all of its sockets.
    User(UserId),
    /// A client, where its sockets are counted.
    Client(Client),
    /// A socket of which nothing better is known.
    Socket(ConnectionId),
    /// All programs that post messages for the application.
    Callers,
}
