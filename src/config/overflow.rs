use super::Config;

impl Config {
    /// Chooses what becomes of a message for a socket whose outgoing queue is full;
    /// [`Overflow::Close`] by default.
    ///
    /// A queue is full at [`max_queue_bytes`](Self::max_queue_bytes), or when all queues together have
    /// reached [`max_hub_queue_bytes`](Self::max_hub_queue_bytes). Keeping slow sockets costs as much memory
    /// as closing them, for longer. No choice keeps a peer that takes nothing at all: it is closed
    /// after [`write_timeout`](Self::write_timeout).
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Config, config::Overflow};
    ///
    /// // Prices: only the newest ones matter, and a slow page is better than none.
    /// let config = Config::new().max_queue_bytes(64 * 1024).overflow(Overflow::DropOldest);
    /// ```
    #[must_use]
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }
}

/// What becomes of a message for a socket whose outgoing queue is full: [`Config::overflow`].
///
/// Only broadcasts are dropped, and only whole ones: never one that is half written, a reply, an
/// error frame or a control frame. What is left keeps its order. For a reply, too, room is made by
/// dropping broadcasts; one for which even that makes no room closes its socket with 1013, "slow".
/// So does a broadcast under [`Close`](Self::Close).
///
/// An empty queue takes any one message, however long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// The socket is closed with 1013, "slow", and what waited for it is dropped and counted as
    /// undelivered: its client knows that it missed something, and starts afresh.
    #[default]
    Close,
    /// The new broadcast is dropped for this socket and counted as `dropped` in the report and in
    /// [`Stats::dropped`](crate::Stats::dropped): the client sees all up to a gap.
    ///
    /// Room for a reply is made by the newest broadcasts that wait, which count as undelivered.
    DropNewest,
    /// The oldest broadcasts that wait are dropped to make room, and count as undelivered, since
    /// they were reported as queued: the client sees a gap, then the newest.
    ///
    /// A broadcast for which that makes no room, because what waits are replies, is dropped itself.
    DropOldest,
}
