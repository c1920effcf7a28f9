//! The commands that may wait for the broker.

use std::sync::Arc;

use crate::{
    backplane::Topic,
    hub::cluster::{receipt::Ticket, wire::Draft},
};

/// One command that waits.
#[derive(Debug)]
pub(super) enum Waiting {
    Subscribe(Topic),
    Unsubscribe(Topic),
    Message(Draft, Arc<Ticket>),
    Mark(Draft),
    /// A heartbeat or this node's own mark: a few, without which the link is deaf.
    Vital(Draft),
    Other(Draft),
    Farewell(Draft, Arc<Ticket>),
}

impl Waiting {
    /// Returns the bytes that are sent.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Subscribe(_) | Self::Unsubscribe(_) => 0,
            Self::Mark(draft) | Self::Vital(draft) | Self::Other(draft) => draft.len(),
            Self::Message(draft, _) | Self::Farewell(draft, _) => draft.len(),
        }
    }
}
