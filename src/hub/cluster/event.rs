//! The cluster events that an application is told.

use std::fmt;

use super::node_id::NodeId;

/// An event of a node's link, or of another node.
///
/// [`WebConnectionSocketLayer::on_cluster_event`](crate::WebConnectionSocketLayer::on_cluster_event)
/// hears of it; [`Stats::cluster`](crate::Stats::cluster) counts the same.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClusterEvent {
    /// This node has a link to the broker, and is subscribed.
    Up,
    /// The link is over. Messages stay on this node until the next one.
    Down,
    /// Another node was heard of.
    NodeJoined {
        /// The other node.
        node: NodeId,
    },
    /// Another node is gone.
    NodeGone {
        /// The other node.
        node: NodeId,
        /// Whether it said so at its shutdown. Else it was not heard for 7 s, or has restarted.
        clean: bool,
    },
    /// This node has missed messages of another one, for good.
    Gap {
        /// The other node.
        node: NodeId,
        /// How many, or `None` if that is not known, because this node could not hear the other one at
        /// the time when its first socket entered the group, or the user's first socket opened. Treat it
        /// like a gap of any size.
        missing: Option<u64>,
    },
    /// The link carried nothing for 6 s, although it looked alive. It is replaced.
    Deaf,
    /// A message that is not of this cluster arrived and was dropped. Told once a second for each kind; for a
    /// node with this one's id, once a minute.
    Garbage {
        /// What was wrong with it.
        kind: GarbageKind,
    },
}

/// Why a message from the broker was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GarbageKind {
    /// It is not a message of a node, or damaged.
    Malformed,
    /// It is larger than 1 MiB.
    TooLarge,
    /// Its sender speaks another version of the protocol: give different prefixes to versions of the
    /// application that do not understand each other.
    Version,
    /// It is not signed with this node's [`Config::cluster_key`](crate::Config::cluster_key), or is
    /// signed although there is none.
    Signature,
    /// Its sender has this node's id, as a running machine and its copy have: neither hears the other.
    /// Restart one of the two processes.
    SameNode,
}

impl fmt::Display for GarbageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "it is not a message of a node: another program publishes under this prefix",
            Self::TooLarge => "it is larger than 1 MiB: another program publishes under this prefix",
            Self::Version => {
                "its sender speaks another version of the protocol: give each version of the application \
                 a prefix of its own until all nodes run the same"
            }
            Self::Signature => {
                "it is not signed with this node's key: give all nodes the same `Config::cluster_key`"
            }
            Self::SameNode => {
                "its sender has this node's id, as the copy of a running machine has, and neither hears \
                 the other: restart one of the two processes"
            }
        })
    }
}
