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
    /// Streams that were forgotten because there was no room for them, in total.
    pub evicted: u64,
    /// Positions from which clients got all that they missed, in total.
    pub resumes_recovered: u64,
    /// Positions from which they could not, so that they were told, in total.
    pub resumes_lost: u64,
}
