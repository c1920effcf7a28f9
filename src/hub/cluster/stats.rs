//! The cluster figures of a node.

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
    /// How many of the 64 partitions this node hears now.
    pub partitions: usize,
    /// Links that were opened, in total.
    pub links: u64,
    /// Attempts to open a link that failed, in total.
    pub failed_links: u64,
    /// Links that were given up because they carried nothing for 6 s, in total.
    pub deaf: u64,
    /// Messages that the broker confirmed (with NATS: that the connection took), in total.
    pub forwarded: u64,
    /// Messages that stayed on this node although others may have had recipients, in total.
    pub not_forwarded: u64,
    /// Messages that were sent and not confirmed, in total.
    pub unknown: u64,
    /// Messages of other nodes, in total.
    pub received: u64,
    /// Messages of other nodes that arrived after they had been reported as missing, and were dropped, in
    /// total.
    pub late: u64,
    /// Reported gaps, in total: [`ClusterEvent::Gap`](crate::ClusterEvent::Gap).
    pub gaps: u64,
    /// Messages missing in those gaps whose size is known, in total.
    pub missing: u64,
    /// Messages that were dropped because they are not of this cluster, in total:
    /// [`ClusterEvent::Garbage`](crate::ClusterEvent::Garbage).
    pub garbage: u64,
    /// Queries of other nodes that this node could not answer, in total: no link, or 4 MiB of answers
    /// waited.
    pub unanswered: u64,
    /// Sockets that opened before messages of other nodes for their groups and user were known to arrive, in
    /// total.
    pub opened_unsynced: u64,
}
