//! The phases of a hub's shutdown.

/// How far a hub's shutdown has come. It never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Running,
    /// New sockets are refused, and those that are open are closed one by one.
    Draining,
    /// Broadcasts are refused as well.
    Closing,
}

/// It is too late for new sockets or broadcasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShuttingDown {
    /// In how many seconds to try again.
    pub(crate) retry_after: u64,
}
