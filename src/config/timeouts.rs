//! Options that say how long peers, callers and hooks may take.

use std::time::Duration;

use super::Config;
use super::parse::nonzero;

impl Config {
    /// Sets how long a socket's peer may accept nothing of what waits for it; 5 seconds by default.
    ///
    /// After that the socket is closed. A large frame is given more time, as if the peer read 16 KiB
    /// per second. A longer time keeps stalled peers and their queues in memory.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use]
    #[track_caller]
    pub fn write_timeout(mut self, time: Duration) -> Self {
        self.write_timeout = nonzero("write_timeout", time);
        self
    }

    /// Sets how long a peer may send no frame before it is pinged; 25 seconds by default.
    ///
    /// A shorter time notices dead peers sooner and costs one small write per socket each time. Keep it
    /// below the idle timeout of every proxy on the way, often 60 seconds.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use]
    #[track_caller]
    pub fn ping_interval(mut self, time: Duration) -> Self {
        self.ping_interval = nonzero("ping_interval", time);
        self
    }

    /// Sets how long a peer may stay silent after a ping; 10 seconds by default.
    ///
    /// After that the socket is closed. Too short a time cuts peers on slow mobile networks.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use]
    #[track_caller]
    pub fn pong_timeout(mut self, time: Duration) -> Self {
        self.pong_timeout = nonzero("pong_timeout", time);
        self
    }

    /// Sets how long a peer may take to answer a close frame; 5 seconds by default.
    ///
    /// Until then a closing socket keeps its memory. A peer that is closed with 1003 or 1009 while it
    /// is still sending has half of this time to finish.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use]
    #[track_caller]
    pub fn close_timeout(mut self, time: Duration) -> Self {
        self.close_timeout = nonzero("close_timeout", time);
        self
    }

    /// Sets how long the body of a request to a reserved URL may take to arrive; 10 seconds by
    /// default.
    ///
    /// A longer time lets slow callers hold a connection and up to one message of memory.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use]
    #[track_caller]
    pub fn body_timeout(mut self, time: Duration) -> Self {
        self.body_timeout = nonzero("body_timeout", time);
        self
    }

    /// Sets how long the `identify` hook may take for one handshake; 10 seconds by default.
    ///
    /// An upgrade that takes longer is refused. It is also how long before the expiry of an identity
    /// [`on_expiry`](crate::WebConnectionSocketLayer::on_expiry) is asked for the next one. Upgrades
    /// that wait for the hook hold their connections and their places under
    /// [`max_sockets`](Self::max_sockets).
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use]
    #[track_caller]
    pub fn identify_timeout(mut self, time: Duration) -> Self {
        self.identify_timeout = nonzero("identify_timeout", time);
        self
    }
}
