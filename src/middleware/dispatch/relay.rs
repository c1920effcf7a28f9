//! A message that is broadcast without asking the application.

use super::error::DispatchError;
use crate::{
    middleware::{sender::Sender, state::Shared},
    protocol::SocketMessage,
};

/// Broadcasts a message as it is, if its sender may address all its recipients.
pub(super) fn relay(
    shared: &Shared,
    sender: &Sender,
    message: &SocketMessage,
) -> Result<(), DispatchError> {
    if !sender.may_relay(message) {
        return Err(DispatchError::Refused);
    }
    shared.hub.broadcast(message);
    Ok(())
}
