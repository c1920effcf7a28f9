//! A hub's place in a cluster.

use std::sync::{Arc, OnceLock};

use super::{event::ClusterEvent, node::Node};
use crate::hub::hooks::Hooks;

/// A hub's place in a cluster, if it has one.
#[derive(Debug, Default)]
pub(in crate::hub) struct Membership {
    node: OnceLock<Arc<Node>>,
    hooks: Hooks<ClusterEvent>,
}

impl Membership {
    /// Makes the hub a node of a cluster. It must not be one yet.
    ///
    /// # Panics
    ///
    /// If it is one already.
    #[track_caller]
    pub(in crate::hub) fn enter(&self, node: Arc<Node>) {
        let entered = self.node.set(node);
        assert!(entered.is_ok(), "the hub has a backplane already");
    }

    pub(in crate::hub) fn node(&self) -> Option<&Arc<Node>> {
        self.node.get()
    }

    pub(in crate::hub) fn hooks(&self) -> &Hooks<ClusterEvent> {
        &self.hooks
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        // The tasks of the link hold the node, but not the hub.
        if let Some(node) = self.node.get() {
            node.stop();
        }
    }
}
