//! One socket as the hub knows it.

use std::sync::{Arc, Weak};

use tokio::time::Instant;

use super::{
    delivery::{Kind, Member, Outbox, Push, Shard, Wake},
    identity::{Principal, User},
};
use crate::{frame::Frame, protocol::ConnectionId, sync::Mutex};

/// One socket as the hub knows it: its identity, its queue, and its shard.
#[derive(Debug)]
pub(crate) struct SocketEntry {
    pub(crate) id: ConnectionId,
    /// Changes under the hub's lock only, together with the registry.
    pub(super) principal: Mutex<Principal>,
    pub(crate) outbox: Outbox,
    shard: Weak<Shard<Self>>,
}

impl SocketEntry {
    pub(super) fn new(
        id: ConnectionId,
        principal: Principal,
        outbox: Outbox,
        shard: &Arc<Shard<Self>>,
    ) -> Self {
        Self {
            id,
            principal: Mutex::new(principal),
            outbox,
            shard: Arc::downgrade(shard),
        }
    }

    /// Queues a frame, behind broadcasts to all, and returns what that wakes.
    pub(super) fn push(&self, frame: &Frame, kind: Kind, reserved: usize) -> (Push, Option<Wake>) {
        match self.shard.upgrade() {
            Some(shard) => shard.push(self, frame, kind, reserved),
            // Its session has ended, and with it the shard: the queue takes nothing more.
            None => self.outbox.push(frame, kind, reserved),
        }
    }

    /// Has the shard's flusher write the queue.
    pub(super) fn flush(self: &Arc<Self>) {
        if let Some(shard) = self.shard.upgrade() {
            shard.flush(self.clone());
        }
    }

    /// Gives the socket the broadcasts to all from before it was deactivated. To be called without a lock.
    pub(super) fn depart(&self) {
        if let Some(shard) = self.shard.upgrade() {
            shard.depart(self);
        }
    }

    pub(crate) fn principal(&self) -> Principal {
        self.principal.lock().clone()
    }

    pub(crate) fn user(&self) -> User {
        self.principal.lock().user.clone()
    }

    /// Whether the socket's principal is still this one.
    pub(crate) fn stands(&self, principal: &Principal) -> bool {
        self.principal.lock().is(principal)
    }

    /// Returns when the socket's identity ends, unless it changes before.
    pub(crate) fn expires(&self) -> Option<Instant> {
        self.principal.lock().expires()
    }

    /// Whether the time of the socket's identity is over.
    pub(crate) fn is_expired(&self) -> bool {
        self.expires().is_some_and(|end| end <= Instant::now())
    }
}

impl Member for SocketEntry {
    fn id(&self) -> ConnectionId {
        self.id
    }

    fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    fn shard(&self) -> &Weak<Shard<Self>> {
        &self.shard
    }
}
