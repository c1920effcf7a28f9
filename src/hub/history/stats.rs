//! The figures of the history, which an application reads.

/// Figures of what a hub keeps for clients that reconnect, in
/// [`Stats::history`](crate::Stats::history).
///
/// Totals count since the hub was made; the other figures are of this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistoryStats {
    /// Streams that are known now.
    pub streams: usize,
    /// Bytes that they and their messages count towards
    /// [`Config::max_history_bytes`](crate::Config::max_history_bytes) now.
    pub bytes: usize,
    /// Messages that got a place in a stream, in total, those of other nodes included.
    pub appended: u64,
    /// Streams that were forgotten because there was no room for them, in total. With a store, only this
    /// process's cache is dropped.
    pub evicted: u64,
    /// Messages that this node's sockets got without a place in their stream, in total, because the
    /// [store](crate::WebConnectionSocketLayer::history_store) did not give them one in time, or because
    /// they were broadcast in the course of another delivery. Clients that were away are told that they
    /// may lack some.
    pub void: u64,
    /// Gaps that connected clients were told of, in total: messages of other nodes may be lost, and no
    /// store has them.
    pub gaps: u64,
    /// Store calls that failed or timed out, in total.
    pub failed_calls: u64,
    /// Entries of the store that no node can have written, in total.
    pub garbage: u64,
    /// Positions from which clients recovered everything, in total.
    pub resumes_recovered: u64,
    /// Positions from which they could not, and were told so, in total.
    pub resumes_lost: u64,
}
