use std::time::Duration;

use super::Config;

impl Config {
    /// Sets the largest message that is read from a socket or from a request to a reserved URL, in
    /// bytes; 64 KiB by default.
    ///
    /// A longer one is refused: close code 1009, or status 413. Every socket may hold one message
    /// of this size while it arrives and one while it waits.
    ///
    /// # Panics
    ///
    /// If it is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new().max_message_size(256 * 1024);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        assert!(
            bytes != 0,
            "Config::max_message_size: zero would stop everything"
        );
        self.max_message_size = bytes;
        self
    }

    /// Sets the largest handshake that opens a socket, its URL and headers together, in bytes; 32 KiB
    /// by default.
    ///
    /// A longer one is refused with 431. A socket keeps most of its handshake for as long as it is
    /// open, to send it along with messages; a server alone would often take some 400 KiB.
    ///
    /// # Panics
    ///
    /// If it is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new().max_handshake_size(8 * 1024);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn max_handshake_size(mut self, bytes: usize) -> Self {
        assert!(
            bytes != 0,
            "Config::max_handshake_size: zero would stop everything"
        );
        self.max_handshake_size = bytes;
        self
    }

    /// Sets how many recipients one message may name; 1 024 by default.
    ///
    /// The work of a broadcast grows with the number of recipients that it names.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new().max_recipients(64);
    /// ```
    #[must_use]
    pub fn max_recipients(mut self, n: usize) -> Self {
        self.max_recipients = n;
        self
    }

    /// Sets how many bytes may wait for one socket; 1 MiB by default.
    ///
    /// What a slow socket may cost in memory, and how long a burst it survives: when its queue is
    /// full, it is closed with 1013, or what [`overflow`](Self::overflow) says happens. What waits for
    /// everybody, once for each thread that writes, has the same bound. Each message counts for its
    /// frame and 56 bytes that it takes to keep it.
    ///
    /// # Panics
    ///
    /// If it is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new().max_queue_bytes(4 * 1024 * 1024);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn max_queue_bytes(mut self, bytes: usize) -> Self {
        assert!(
            bytes != 0,
            "Config::max_queue_bytes: zero would stop everything"
        );
        self.max_queue_bytes = bytes;
        self
    }

    /// Sets how many bytes may wait for all sockets together; 256 MiB by default.
    ///
    /// The bound on memory when many sockets are slow at once. When it is reached, those for which
    /// the most waits pay, until an eighth of it is free: they are closed with 1013, or drop what
    /// [`overflow`](Self::overflow) says. A socket for which less waits than its equal share, this
    /// divided by the number of sockets, never pays for others, nor does one for which a single
    /// message waits: the bound may be passed by as much as one message per socket.
    ///
    /// A message for some counts once for each of them, so raise it where bursts of more than the
    /// equal share are usual.
    ///
    /// # Panics
    ///
    /// If it is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new().max_hub_queue_bytes(64 * 1024 * 1024);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn max_hub_queue_bytes(mut self, bytes: usize) -> Self {
        assert!(
            bytes != 0,
            "Config::max_hub_queue_bytes: zero would stop everything"
        );
        self.max_hub_queue_bytes = bytes;
        self
    }

    /// Sets how many messages are with the application at one time, over all sockets of the hub and
    /// all services that share it; 1 024 by default.
    ///
    /// Each costs a request in the application. More wait within
    /// [`dispatch_timeout`](Self::dispatch_timeout), in one queue for each user, and the queues are
    /// served in turn: a visitor that sends much delays others by one message. None holds more than
    /// half of the places, or one. The user is the verified one; without one it is the client's
    /// address where [`max_sockets_per_client`](Self::max_sockets_per_client) is set, else the socket.
    ///
    /// Where [`max_sockets`](Self::max_sockets) is set, it bounds what waits: a message of a socket that
    /// has ended waits for its turn as long as it takes. Where it is not, four messages for each place
    /// may wait, and 64 MiB in all. Beyond that a socket is told `overloaded` at once; what comes from
    /// one that has ended is dropped, counted ([`Stats::messages_shed`](crate::Stats::messages_shed))
    /// and warned of.
    ///
    /// The news that sockets opened or ended have places of their own, a quarter as many, and wait as
    /// long as it takes: none of it is dropped.
    ///
    /// # Panics
    ///
    /// If it is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new().max_dispatches(128);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn max_dispatches(mut self, n: usize) -> Self {
        assert!(n != 0, "Config::max_dispatches: zero would stop everything");
        self.max_dispatches = n;
        self
    }

    /// Sets how long a socket may accept nothing of what waits for it before it is closed; 5
    /// seconds by default.
    ///
    /// A large frame is given more time, as much as 16 KiB per second need. Longer keeps stalled
    /// peers and their queues in memory.
    ///
    /// # Panics
    ///
    /// If it is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new().write_timeout(Duration::from_secs(10));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn write_timeout(mut self, time: Duration) -> Self {
        assert!(
            time != Duration::ZERO,
            "Config::write_timeout: zero would stop everything"
        );
        self.write_timeout = time;
        self
    }

    /// Sets after how long without a frame a peer is pinged; 25 seconds by default.
    ///
    /// Shorter notices dead peers sooner and costs a small write per socket each time. Keep it
    /// below the idle timeout of every proxy on the way, often 60 seconds.
    ///
    /// # Panics
    ///
    /// If it is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new().ping_interval(Duration::from_secs(15));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn ping_interval(mut self, time: Duration) -> Self {
        assert!(
            time != Duration::ZERO,
            "Config::ping_interval: zero would stop everything"
        );
        self.ping_interval = time;
        self
    }

    /// Sets how long after a ping a silent peer is taken for dead; 10 seconds by default.
    ///
    /// Too short cuts peers on slow mobile networks.
    ///
    /// # Panics
    ///
    /// If it is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new().pong_timeout(Duration::from_secs(20));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn pong_timeout(mut self, time: Duration) -> Self {
        assert!(
            time != Duration::ZERO,
            "Config::pong_timeout: zero would stop everything"
        );
        self.pong_timeout = time;
        self
    }

    /// Sets how long a peer has to answer a close; 5 seconds by default.
    ///
    /// A socket that is closing costs its memory until then. Who is closed with 1009 or 1003 while
    /// still sending has half of it to finish.
    ///
    /// # Panics
    ///
    /// If it is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new().close_timeout(Duration::from_secs(2));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn close_timeout(mut self, time: Duration) -> Self {
        assert!(
            time != Duration::ZERO,
            "Config::close_timeout: zero would stop everything"
        );
        self.close_timeout = time;
        self
    }

    /// Sets how long the application has for one message, and how long a message waits for its turn
    /// before that; 30 seconds by default.
    ///
    /// The socket's next message waits meanwhile. A message that the application did not finish in
    /// time gives its sender a `timeout` error, one whose turn never came an `overloaded` error. A
    /// socket whose peer has ended its half of the stream waits for its replies as long. The news that
    /// a socket opened or ended waits for its turn without an end, and then has the same time.
    ///
    /// # Panics
    ///
    /// If it is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new().dispatch_timeout(Duration::from_secs(5));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn dispatch_timeout(mut self, time: Duration) -> Self {
        assert!(
            time != Duration::ZERO,
            "Config::dispatch_timeout: zero would stop everything"
        );
        self.dispatch_timeout = time;
        self
    }

    /// Sets how long the body of a request to a reserved URL may take to arrive; 10 seconds by
    /// default.
    ///
    /// Longer lets slow callers hold a connection and up to one message of memory.
    ///
    /// # Panics
    ///
    /// If it is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new().body_timeout(Duration::from_secs(3));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn body_timeout(mut self, time: Duration) -> Self {
        assert!(
            time != Duration::ZERO,
            "Config::body_timeout: zero would stop everything"
        );
        self.body_timeout = time;
        self
    }

    /// Sets how long the `identify` hook has for one handshake; 10 seconds by default.
    ///
    /// An upgrade that takes longer is refused. So much before an identity ends
    /// [`on_expiry`](crate::WebConnectionSocketLayer::on_expiry) is asked for the next.
    ///
    /// # Panics
    ///
    /// If it is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new().identify_timeout(Duration::from_secs(3));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn identify_timeout(mut self, time: Duration) -> Self {
        assert!(
            time != Duration::ZERO,
            "Config::identify_timeout: zero would stop everything"
        );
        self.identify_timeout = time;
        self
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Config;

    #[test]
    fn defaults_are_the_promised_ones() {
        let limits = Config::new();
        assert_eq!(limits.max_message_size, 65_536);
        assert_eq!(limits.max_handshake_size, 32_768);
        assert_eq!(limits.max_recipients, 1_024);
        assert_eq!(limits.max_queue_bytes, 1_048_576);
        assert_eq!(limits.max_hub_queue_bytes, 268_435_456);
        assert_eq!(limits.max_dispatches, 1_024);
        let seconds = [
            (limits.write_timeout, 5),
            (limits.ping_interval, 25),
            (limits.pong_timeout, 10),
            (limits.close_timeout, 5),
            (limits.dispatch_timeout, 30),
            (limits.body_timeout, 10),
            (limits.identify_timeout, 10),
        ];
        for (limit, expected) in seconds {
            assert_eq!(limit, Duration::from_secs(expected));
        }
    }

    #[test]
    #[should_panic(expected = "Config::ping_interval: zero")]
    fn a_zero_that_would_hang_panics() {
        let _config = Config::new().ping_interval(Duration::ZERO);
    }
}
