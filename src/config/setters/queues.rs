//! Setters of the bounds on queues, and of what happens at them.

use crate::config::parse::nonzero;
use crate::config::{Config, Overflow};

impl Config {
    /// Sets how many bytes may wait for one socket; 1 MiB by default.
    ///
    /// It bounds the memory that a slow socket costs and the burst that it survives: a socket whose
    /// queue is full is closed with 1013, or as [`overflow`](Self::overflow) says. The log of messages
    /// for all sockets has the same bound: a broadcast that finds no room there writes to sockets
    /// until there is, for 100 ms at most, and is otherwise queued for none of them, as its report says.
    /// Each message counts with the length of its frame and 56 bytes for keeping it.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use]
    #[track_caller]
    pub fn max_queue_bytes(mut self, bytes: usize) -> Self {
        self.max_queue_bytes = nonzero("max_queue_bytes", bytes);
        self
    }

    /// Sets how many bytes may wait for all sockets together; 256 MiB by default.
    ///
    /// It bounds memory when many sockets are slow at once. When it is reached, the sockets with the
    /// longest queues are closed with 1013, or drop what [`overflow`](Self::overflow) says, until an
    /// eighth of it is free. A socket whose queue is below its equal share, which is this bound divided
    /// by the number of sockets, is never closed for others, nor is one for which a single message
    /// waits: the bound may be exceeded by one message per socket.
    ///
    /// A message for some sockets counts once for each of them, so raise the bound where bursts exceed
    /// the equal share.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use]
    #[track_caller]
    pub fn max_hub_queue_bytes(mut self, bytes: usize) -> Self {
        self.max_hub_queue_bytes = nonzero("max_hub_queue_bytes", bytes);
        self
    }

    /// Chooses what happens to a message for a socket whose outgoing queue is full;
    /// [`Overflow::Close`] by default.
    ///
    /// A queue is full at [`max_queue_bytes`](Self::max_queue_bytes), or when all queues together have
    /// reached [`max_hub_queue_bytes`](Self::max_hub_queue_bytes). Keeping slow sockets costs the same
    /// memory as closing them, but for longer. No choice keeps a peer that reads nothing at all: it is
    /// closed after [`write_timeout`](Self::write_timeout).
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
