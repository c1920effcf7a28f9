//! Queries about nodes.

use std::collections::HashSet;

use tokio::time::Instant;

use super::{beats::BEAT, state::State};
use crate::hub::cluster::{node_id::NodeId, wire::Body};

impl State {
    /// Returns the other nodes that are up, as far as this one knows.
    pub(in crate::hub::cluster) fn others(&self) -> impl Iterator<Item = NodeId> {
        self.roster.nodes()
    }

    pub(in crate::hub::cluster) fn knows(&self, node: NodeId) -> bool {
        self.roster.contains(node)
    }

    /// Whether a node is up, or was lately and may come back.
    pub(in crate::hub::cluster) fn remembers(&self, node: NodeId) -> bool {
        self.knows(node) || self.ledger.knows(node)
    }

    /// Returns the nodes that are up, and those that were lately.
    pub(in crate::hub::cluster) fn remembered(&self) -> HashSet<NodeId> {
        self.roster.nodes().chain(self.ledger.nodes()).collect()
    }

    /// Whether the nodes that are up are known: each has had the time to speak on this link.
    pub(in crate::hub::cluster) fn is_acquainted(&self, now: Instant) -> bool {
        let link = self.link.as_ref();
        link.is_some_and(|link| link.has_lasted(BEAT, now))
    }

    /// Returns the number of the heartbeat that is the last.
    pub(in crate::hub::cluster) fn last_beat(&self) -> u64 {
        self.beat + 1
    }

    /// Whether what came in this node's name is of another one: a copy of its machine, which may have been
    /// made while it ran, so that heartbeats that it has not sent yet are all that tells.
    pub(super) fn is_twin(&self, incarnation: u64, body: &Body) -> bool {
        let is_ahead = matches!(body, Body::Beat(pulse) if pulse.beat > self.beat);
        incarnation != self.incarnation || is_ahead
    }

    /// Returns how many sockets the other nodes have, as of their last heartbeats.
    pub(in crate::hub::cluster) fn sockets_of_others(&self) -> usize {
        self.roster.sockets()
    }
}
