//! What a server that is a node of a cluster tells of it.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use web_connection_socket::{ClusterEvent, ClusterStats};

/// A node's figures.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Nodes {
    pub(crate) connected: bool,
    pub(crate) nodes: usize,
    pub(crate) links: u64,
    pub(crate) deaf: u64,
    pub(crate) received: u64,
    pub(crate) late: u64,
    pub(crate) gaps: u64,
    pub(crate) missing: u64,
}

impl From<ClusterStats> for Nodes {
    fn from(stats: ClusterStats) -> Self {
        Self {
            connected: stats.connected,
            nodes: stats.nodes,
            links: stats.links,
            deaf: stats.deaf,
            received: stats.received,
            late: stats.late,
            gaps: stats.gaps,
            missing: stats.missing,
        }
    }
}

/// An event, and when it was told, in milliseconds that all processes agree on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) what: What,
    pub(crate) at: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum What {
    Up,
    Down,
    Deaf,
    Gone,
    /// So many messages are missing, or an unknown number.
    Gap(Option<u64>),
}

impl Told {
    pub(super) fn of(event: &ClusterEvent) -> Option<Self> {
        let what = match event {
            ClusterEvent::Up => What::Up,
            ClusterEvent::Down => What::Down,
            ClusterEvent::Deaf => What::Deaf,
            ClusterEvent::NodeGone { .. } => What::Gone,
            ClusterEvent::Gap { missing, .. } => What::Gap(*missing),
            _ => return None,
        };
        Some(Self { what, at: now() })
    }
}

/// Milliseconds that all processes of this machine agree on.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}
