//! Options that bound the messages waiting for sockets, and what happens when they are full.

/// What happens to a message for a socket whose outgoing queue is full: [`Config::overflow`](crate::Config::overflow).
///
/// Only whole broadcasts are dropped, never a reply, an error frame, a control frame or a frame that
/// is half written. The rest keeps its order. A reply makes room for itself by dropping broadcasts; if
/// that is not enough, its socket is closed with 1013, "slow". Under [`Close`](Self::Close) a
/// broadcast closes the socket in the same way.
///
/// An empty queue takes any one message, however long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// Closes the socket with 1013, "slow". What waited for it is dropped and counted as undelivered:
    /// its client knows that it missed something, and starts afresh.
    #[default]
    Close,
    /// Drops the new broadcast for this socket and counts it as `dropped` in the report and in
    /// [`Stats::dropped`](crate::Stats::dropped): the client sees everything up to a gap.
    ///
    /// Room for a reply is made by the newest broadcasts that wait, which count as undelivered.
    DropNewest,
    /// Drops the oldest broadcasts that wait. They count as undelivered, since they were reported as
    /// queued: the client sees a gap, then the newest.
    ///
    /// A broadcast that finds only replies in the queue is dropped itself.
    DropOldest,
}
