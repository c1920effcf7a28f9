use std::sync::{Arc, OnceLock};

use tokio::time::Instant;

use super::{flusher::Shard, outbox::Outbox, standing::Standing, user::User};
use crate::{protocol::ConnectionId, sync::Mutex};

/// One socket as the hub knows it.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) id: ConnectionId,
    /// Changes under the hub's lock only, together with the registry.
    pub(super) standing: Mutex<Standing>,
    pub(crate) outbox: Outbox,
    /// Whose flusher writes to the socket; empty where only its own task can.
    pub(super) shard: OnceLock<Arc<Shard>>,
}

impl Peer {
    pub(super) fn new(id: ConnectionId, standing: Standing, outbox: Outbox) -> Self {
        Self {
            id,
            standing: Mutex::new(standing),
            outbox,
            shard: OnceLock::new(),
        }
    }

    pub(crate) fn standing(&self) -> Standing {
        self.standing.lock().clone()
    }

    pub(crate) fn user(&self) -> User {
        self.standing.lock().user.clone()
    }

    /// Whether it still stands as it did.
    pub(crate) fn stands(&self, standing: &Standing) -> bool {
        self.standing.lock().is(standing)
    }

    /// Gives the socket what was for all sockets before it was unlisted.
    pub(super) fn depart(&self) {
        if let Some(shard) = self.shard.get() {
            shard.depart(self);
        }
    }

    /// When its identity ends, unless it changes before.
    pub(crate) fn expires(&self) -> Option<Instant> {
        self.standing.lock().expires()
    }

    /// Whether the time of its identity is over.
    pub(crate) fn is_expired(&self) -> bool {
        self.expires().is_some_and(|end| end <= Instant::now())
    }
}
