use super::{
    super::{sender::Sender, shared::Shared},
    Failure,
};
use crate::protocol::SocketMessage;

/// Broadcasts a message as it stands, if its sender may address whom it names.
pub(super) fn relay(
    shared: &Shared,
    sender: &Sender,
    message: &SocketMessage,
) -> Result<(), Failure> {
    if !sender.may_relay(message) {
        return Err(Failure::Refused);
    }
    shared.hub.broadcast(message);
    Ok(())
}
