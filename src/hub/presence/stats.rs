//! The figures of presence that an application reads.

/// Figures of the groups with a presence rule, in [`Stats::presence`](crate::Stats::presence).
///
/// Totals count since the hub was made; the other figures are of this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PresenceStats {
    /// Groups with a member or a watcher now.
    pub groups: usize,
    /// Users in all of them now: one in two groups counts twice.
    pub members: usize,
    /// Sockets that watch a group now: one that watches two counts twice.
    pub watchers: usize,
    /// Frames for watchers that were queued, in total: one for each watcher.
    pub frames: u64,
    /// Groups that clients asked to watch in vain, in total: their identity is not in the group and may not
    /// watch it, no rule names it, or it is beyond the 64 that one socket may watch.
    pub not_watched: u64,
}
