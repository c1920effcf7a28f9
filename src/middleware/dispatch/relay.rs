use super::{
    super::{identity, shared::Shared, socket::Connection},
    Failure,
};
use crate::protocol::SocketMessage;

/// Broadcasts a message as it stands, if its sender may address whom it names.
pub(super) fn relay(
    shared: &Shared,
    connection: &Connection,
    message: &SocketMessage,
) -> Result<(), Failure> {
    if !identity::may_relay(&shared.hub, &connection.peer, message) {
        return Err(Failure::Refused);
    }
    shared.hub.broadcast(message);
    Ok(())
}
