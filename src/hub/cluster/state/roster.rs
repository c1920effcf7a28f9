//! The other nodes, and when each was last heard.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

use crate::hub::cluster::{node_id::NodeId, wire::Counts};

/// The other nodes that are up.
#[derive(Debug, Default)]
pub(super) struct Roster(HashMap<NodeId, Peer>);

#[derive(Debug)]
struct Peer {
    incarnation: u64,
    heard: Instant,
    counts: Counts,
}

/// What a heartbeat says about its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Again,
    Joined,
    /// Its process has ended without a word, and another one has its name.
    Restarted,
    /// This is of a process that has ended, or there are more nodes than any cluster has.
    Ignored,
}

impl Roster {
    pub(super) fn beat(
        &mut self,
        node: NodeId,
        incarnation: u64,
        counts: Counts,
        now: Instant,
    ) -> Heard {
        let before = self.0.get(&node).map(|peer| peer.incarnation);
        let heard = match before {
            Some(before) if before > incarnation => return Heard::Ignored,
            Some(before) if before < incarnation => Heard::Restarted,
            Some(_) => Heard::Again,
            None if self.0.len() >= MAX_NODES => return Heard::Ignored,
            None => Heard::Joined,
        };
        let peer = Peer {
            incarnation,
            heard: now,
            counts,
        };
        self.0.insert(node, peer);
        heard
    }

    /// Removes a node that leaves. Returns whether it was there.
    pub(super) fn bye(&mut self, node: NodeId, incarnation: u64) -> bool {
        let is_it = self
            .0
            .get(&node)
            .is_some_and(|peer| peer.incarnation <= incarnation);
        is_it && self.0.remove(&node).is_some()
    }

    /// Counts the silence of all nodes from now on: until now this node could hear none.
    pub(super) fn listen(&mut self, now: Instant) {
        self.0.values_mut().for_each(|peer| peer.heard = now);
    }

    /// Postpones taking nodes for gone until `until`.
    pub(super) fn bear(&mut self, until: Instant) {
        let gone = self.0.values_mut();
        let gone = gone.filter(|peer| peer.heard + GONE < until);
        gone.for_each(|peer| peer.heard = until - GONE);
    }

    /// Removes the nodes that were not heard for long, and returns them.
    pub(super) fn sweep(&mut self, now: Instant) -> Vec<NodeId> {
        let silent = self.0.iter().filter(|(_, peer)| now >= peer.heard + GONE);
        let silent: Vec<_> = silent.map(|(node, _)| *node).collect();
        silent.iter().for_each(|node| _ = self.0.remove(node));
        silent
    }

    /// Returns when the next node is gone, unless it is heard before.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let heard = self.0.values().map(|peer| peer.heard);
        heard.min().map(|heard| heard + GONE)
    }

    pub(super) fn contains(&self, node: NodeId) -> bool {
        self.0.contains_key(&node)
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.0.keys().copied()
    }

    /// Returns what the other nodes count, added up.
    pub(super) fn sockets(&self) -> usize {
        let sockets = self.0.values().map(|peer| peer.counts.sockets);
        sockets.fold(0, usize::saturating_add)
    }
}

/// How long a node may be silent.
const GONE: Duration = Duration::from_secs(7);

/// Bounds the memory that forged frames can take.
const MAX_NODES: usize = 4_096;
