//! One socket as the hub knows it.

use std::sync::Arc;

use tokio::time::Instant;

use super::{
    delivery::{Crew, Member, Membership, Outbox},
    identity::{Principal, User},
    occupation::Occupation,
};
use crate::{
    protocol::ConnectionId,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

/// One socket as the hub knows it: its identity, its queue, its place in the fan-out, and
/// whether it is busy.
#[derive(Debug)]
pub(crate) struct SocketEntry {
    pub(crate) id: ConnectionId,
    /// Changes under the hub's lock only, together with the registry.
    pub(super) principal: Mutex<Principal>,
    pub(crate) outbox: Outbox,
    pub(super) occupation: Occupation,
    /// Whether its client goes on in its streams, so that it is told of gaps in them.
    is_follower: AtomicBool,
    crew: Arc<Crew>,
    row: usize,
}

impl SocketEntry {
    pub(super) fn new(
        id: ConnectionId,
        principal: Principal,
        outbox: Outbox,
        membership: &Membership<Self>,
    ) -> Self {
        Self {
            id,
            principal: Mutex::new(principal),
            outbox,
            occupation: Occupation::new(),
            is_follower: AtomicBool::new(false),
            crew: membership.crew().clone(),
            row: membership.row(),
        }
    }

    pub(crate) fn principal(&self) -> Principal {
        self.principal.lock().clone()
    }

    pub(crate) fn user(&self) -> User {
        self.principal.lock().user.clone()
    }

    pub(super) fn follow(&self) {
        self.is_follower.store(true, Relaxed);
    }

    pub(super) fn is_follower(&self) -> bool {
        self.is_follower.load(Relaxed)
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

    fn crew(&self) -> &Arc<Crew> {
        &self.crew
    }

    fn row(&self) -> usize {
        self.row
    }
}
