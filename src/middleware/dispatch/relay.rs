//! A message that is broadcast without asking the application.

use super::error::DispatchError;
use crate::{
    middleware::{sender::Sender, state::State},
    protocol::SocketMessage,
};

/// Broadcasts a message as it is, if its sender may address all its recipients.
pub(super) fn relay(
    state: &State,
    sender: &Sender,
    message: &SocketMessage,
) -> Result<(), DispatchError> {
    if !sender.may_relay(message) {
        return Err(DispatchError::Refused);
    }
    state.hub.broadcast(message);
    Ok(())
}
