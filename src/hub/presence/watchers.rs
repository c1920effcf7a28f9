//! The sockets that are told of a group's members.

use std::collections::HashMap;

use crate::protocol::ConnectionId;

/// The sockets that are told of a group's members.
#[derive(Debug)]
pub(super) struct Watchers<W> {
    /// Those that have had the whole list.
    pub(super) known: HashMap<ConnectionId, W>,
    /// Those that have had nothing yet.
    pub(super) fresh: HashMap<ConnectionId, W>,
}

impl<W> Watchers<W> {
    pub(super) fn add(&mut self, id: ConnectionId, watcher: W) {
        self.known.remove(&id);
        self.fresh.insert(id, watcher);
    }

    pub(super) fn remove(&mut self, id: ConnectionId) {
        self.known.remove(&id);
        self.fresh.remove(&id);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty() && self.fresh.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.known.len() + self.fresh.len()
    }

    /// Returns those that have had the whole list.
    pub(super) fn known(&self) -> Vec<ConnectionId> {
        self.known.keys().copied().collect()
    }

    /// Returns the others, which have had it from now on.
    pub(super) fn welcome(&mut self) -> Vec<ConnectionId> {
        let fresh = self.fresh.keys().copied().collect();
        self.known.extend(self.fresh.drain());
        fresh
    }
}

impl<W> Default for Watchers<W> {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            fresh: HashMap::new(),
        }
    }
}
