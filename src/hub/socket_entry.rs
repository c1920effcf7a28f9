use std::sync::{Arc, OnceLock};

use tokio::time::Instant;

use super::{flusher::Shard, outbox::Outbox, principal::Principal, user::User};
use crate::{protocol::ConnectionId, sync::Mutex};

/// One socket as the hub knows it.
#[derive(Debug)]
pub(crate) struct SocketEntry {
    pub(crate) id: ConnectionId,
    /// Changes under the hub's lock only, together with the registry.
    pub(super) principal: Mutex<Principal>,
    pub(crate) outbox: Outbox,
    /// Whose flusher writes to the socket; empty where only its own task can.
    pub(super) shard: OnceLock<Arc<Shard>>,
}

impl SocketEntry {
    pub(super) fn new(id: ConnectionId, principal: Principal, outbox: Outbox) -> Self {
        Self {
            id,
            principal: Mutex::new(principal),
            outbox,
            shard: OnceLock::new(),
        }
    }

    pub(crate) fn principal(&self) -> Principal {
        self.principal.lock().clone()
    }

    pub(crate) fn user(&self) -> User {
        self.principal.lock().user.clone()
    }

    /// Whether it still stands as it did.
    pub(crate) fn stands(&self, principal: &Principal) -> bool {
        self.principal.lock().is(principal)
    }

    /// Gives the socket what was for all sockets before it was unlisted.
    pub(super) fn depart(&self) {
        if let Some(shard) = self.shard.get() {
            shard.depart(self);
        }
    }

    /// When its identity ends, unless it changes before.
    pub(crate) fn expires(&self) -> Option<Instant> {
        self.principal.lock().expires()
    }

    /// Whether the time of its identity is over.
    pub(crate) fn is_expired(&self) -> bool {
        self.expires().is_some_and(|end| end <= Instant::now())
    }
}
