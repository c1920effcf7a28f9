//! Topics whose subscription is not yet known to work, because marks have not arrived.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    backplane::Topic,
    hub::cluster::{node_id::NodeId, wire::Topics},
};

/// The topics for which marks are waited for.
#[derive(Debug, Default)]
pub(super) struct Syncing(HashMap<Topic, Pending>);

#[derive(Debug)]
struct Pending {
    /// That of this node's own mark.
    nonce: u64,
    own: bool,
    others: BTreeSet<NodeId>,
    since: Instant,
    retry_at: Instant,
    wait: Duration,
}

impl Syncing {
    /// Waits for this node's own mark in a topic, and for those of the others that are up.
    pub(super) fn start(
        &mut self,
        topic: Topic,
        nonce: u64,
        others: impl Iterator<Item = NodeId>,
        now: Instant,
    ) {
        let pending = Pending {
            nonce,
            own: false,
            others: others.collect(),
            since: now,
            retry_at: now + FIRST_WAIT,
            wait: FIRST_WAIT,
        };
        self.0.insert(topic, pending);
    }

    pub(super) fn stop(&mut self, topic: Topic) {
        self.0.remove(&topic);
    }

    /// Takes this node's own mark. Returns whether it is the one that was waited for.
    ///
    /// Those of the others have a longer way, so they are given as long as it took once more: a broker
    /// that is slow because many ask must not be asked for more.
    pub(super) fn own_mark(&mut self, topic: Topic, nonce: u64, now: Instant) -> bool {
        let pending = self.0.get_mut(&topic);
        let Some(pending) = pending.filter(|pending| pending.nonce == nonce) else {
            return false;
        };
        if !pending.own {
            pending.own = true;
            pending.wait = (now - pending.since).clamp(FIRST_WAIT, LONGEST_WAIT);
            pending.retry_at = now + pending.wait;
        }
        self.settle();
        true
    }

    pub(super) fn mark(&mut self, topic: Topic, node: NodeId) {
        if let Some(pending) = self.0.get_mut(&topic) {
            pending.others.remove(&node);
            self.settle();
        }
    }

    /// Returns the topics in which a node's mark is waited for.
    pub(super) fn lacking(&self, node: NodeId) -> Topics {
        let mut topics = Topics::default();
        for (topic, pending) in &self.0 {
            if pending.others.contains(&node) {
                topics.insert(*topic);
            }
        }
        topics
    }

    /// Waits no longer for a node.
    pub(super) fn gone(&mut self, node: NodeId) {
        for pending in self.0.values_mut() {
            pending.others.remove(&node);
        }
        self.settle();
    }

    /// Returns the nodes that are to be asked for marks again, with the topics, and those topics whose own
    /// mark has not come, with its nonce: what others answer there would not come either.
    pub(super) fn retry(&mut self, now: Instant) -> (BTreeMap<NodeId, Topics>, Vec<(Topic, u64)>) {
        let mut others = BTreeMap::<_, Topics>::new();
        let mut own = Vec::new();
        for (&topic, pending) in &mut self.0 {
            if now < pending.retry_at {
                continue;
            }
            pending.wait = (pending.wait * 2).min(LONGEST_WAIT);
            pending.retry_at = now + pending.wait;
            if !pending.own {
                own.push((topic, pending.nonce));
                continue;
            }
            for node in &pending.others {
                others.entry(*node).or_default().insert(topic);
            }
        }
        (others, own)
    }

    /// Returns when marks are to be asked for again.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.0.values().map(|pending| pending.retry_at).min()
    }

    pub(super) fn is_pending(&self, topic: Topic) -> bool {
        self.0.contains_key(&topic)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn settle(&mut self) {
        self.0
            .retain(|_, pending| !pending.own || !pending.others.is_empty());
    }
}

/// A cluster of brokers may need a moment until all of them know of a subscription.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(2);
