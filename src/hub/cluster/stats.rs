//! The figures of a node's cluster.

/// A node's figures of its cluster, in [`Stats::cluster`](crate::Stats::cluster).
///
/// Totals count since the backplane was set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterStats {
    /// Whether this node has a link to the broker now.
    pub connected: bool,
    /// Nodes that are up now as far as this one knows, itself included.
    pub nodes: usize,
    /// Sockets of the other nodes, as of their last heartbeats.
    pub remote_sockets: usize,
    /// Partitions of 64 that this node is subscribed to now, and whose subscription is known to work.
    pub partitions: usize,
    /// Links that were opened, in total.
    pub links: u64,
    /// Attempts to open a link that failed, in total.
    pub failed_links: u64,
    /// Links that were given up because they carried nothing for 6 s, in total.
    pub deaf: u64,
    /// Messages that the broker has confirmed, or with NATS the connection took, in total.
    pub forwarded: u64,
    /// Messages that stayed on this node although others may have had recipients, in total.
    pub not_forwarded: u64,
    /// Messages that were sent and not confirmed, in total.
    pub unknown: u64,
    /// Messages of other nodes, in total.
    pub received: u64,
    /// Messages of other nodes that came when they had been reported as missing, in total. They were
    /// dropped.
    pub late: u64,
    /// Reported gaps, in total: [`ClusterEvent::Gap`](crate::ClusterEvent::Gap).
    pub gaps: u64,
    /// Messages missing in those gaps whose size is known, in total.
    pub missing: u64,
    /// What arrived and was dropped, in total: [`ClusterEvent::Garbage`](crate::ClusterEvent::Garbage).
    pub garbage: u64,
    /// Questions and orders of other nodes whose answer had no way back, in total: 4 MiB of answers waited
    /// for the broker, or there was no link. For the node that asked this one was silent.
    pub unanswered: u64,
    /// Sockets that were opened before it was known that messages for their groups and user arrive, in
    /// total.
    pub opened_unsynced: u64,
}
