//! The figures of what is kept, which an application reads.

/// What a hub keeps for clients that reconnect, and how it went, in
/// [`Stats::history`](crate::Stats::history).
///
/// Totals count since the hub was made; the other figures are of this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistoryStats {
    /// Streams that are known now.
    pub streams: usize,
    /// What their messages and they themselves count for in
    /// [`Config::max_history_bytes`](crate::Config::max_history_bytes) now.
    pub bytes: usize,
    /// Messages that got a place in a stream, in total; also those of other nodes.
    pub appended: u64,
    /// Streams that were forgotten because there was no room for them, in total. With a store only what
    /// this process holds of them is.
    pub evicted: u64,
    /// Messages that this node's sockets got without a place in their stream, in total, since the
    /// [store](crate::WebConnectionSocketLayer::history_store) did not say in time what theirs is, or since
    /// they were broadcast by what was told of another delivery. Clients that were away are told that
    /// they may lack some.
    pub void: u64,
    /// Gaps that connected clients were told of, in total: other nodes' messages may not have come, and no
    /// store has them.
    pub gaps: u64,
    /// Calls that the store has failed or not answered, in total.
    pub failed_calls: u64,
    /// Entries of the store that no node can have written, in total.
    pub garbage: u64,
    /// Positions from which clients got all that they missed, in total.
    pub resumes_recovered: u64,
    /// Positions from which they could not, so that they were told, in total.
    pub resumes_lost: u64,
}
