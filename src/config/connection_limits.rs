use std::time::Duration;

use super::Config;

/// How many sockets may be open at one time; no number is no limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConnectionLimits {
    pub(crate) sockets: Option<usize>,
    pub(crate) sockets_per_user: Option<usize>,
    pub(crate) sockets_per_client: Option<usize>,
    pub(crate) retry_after: Duration,
}

/// How many frames, or bytes, one socket may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) per_second: u32,
    pub(crate) burst: u32,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            sockets: None,
            sockets_per_user: None,
            sockets_per_client: None,
            retry_after: Duration::from_secs(5),
        }
    }
}

impl Config {
    /// Sets how many sockets may be open at one time; unlimited by default.
    ///
    /// Further upgrades are refused with 503 and `Retry-After`, before the application is asked who
    /// wants them. A socket counts as open from its handshake on, while it is still opening too, until
    /// its connection, or the peer's half of it, has ended. Any cap costs some 100 bytes per socket.
    ///
    /// From then on it counts as finishing, until the application has handled what the socket had sent
    /// and its disconnect event. The cap holds for both kinds apart: a page that is loaded again is not
    /// refused for the work of the one before. Where more are finishing than the cap allows, those
    /// beyond it count as open, and upgrades that are refused for them are told to come again in one
    /// second. So at most twice the cap of sockets cause work, and nothing of what they sent has to be
    /// dropped ([`max_dispatches`](Self::max_dispatches)). The other two caps work the same way.
    ///
    /// A peer that vanished without a word counts until its missing answer to a ping is noticed:
    /// [`ping_interval`](Self::ping_interval) and [`pong_timeout`](Self::pong_timeout), and before
    /// that the time in which the application works off what the peer had sent.
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
    /// let config = Config::new().max_sockets(10_000);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn max_sockets(mut self, n: usize) -> Self {
        assert!(n != 0, "Config::max_sockets: zero would stop everything");
        self.connection_limits.sockets = Some(n);
        self
    }

    /// Sets how many sockets one user may have open at one time; unlimited by default.
    ///
    /// Whoever comes beyond it is refused with 429 and `Retry-After`, once the user is known and
    /// before the application hears of the socket. What counts is told at
    /// [`max_sockets`](Self::max_sockets): after a crash or a lost network a user's old sockets count
    /// for a while beside the new ones, so leave room for a second set of tabs. A socket counts for
    /// the user that it was opened for. Visitors without a user id are not limited.
    ///
    /// Without an `identify` hook a user id is what a visitor says: anybody can use up the sockets of
    /// a name, and avoid the limit with another. Verified and claimed users of one name count apart.
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
    /// let config = Config::new().max_sockets_per_user(20);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn max_sockets_per_user(mut self, n: usize) -> Self {
        assert!(
            n != 0,
            "Config::max_sockets_per_user: zero would stop everything"
        );
        self.connection_limits.sockets_per_user = Some(n);
        self
    }

    /// Sets how many sockets one client may have open at one time; unlimited by default.
    ///
    /// Further upgrades are refused with 429 and `Retry-After`, before the application is asked who
    /// wants them. A client is an IPv4 address, or a /64 network of IPv6, of which one machine owns all. What
    /// counts is told at [`max_sockets`](Self::max_sockets).
    ///
    /// **Behind a proxy all visitors come from the proxy's address and share one limit**, unless
    /// [`trusted_proxies`](Self::trusted_proxies) names it. All clients whose address is not known
    /// share one limit as well: serve with axum's connect info or insert a `PeerAddr`. People behind
    /// one office's or one phone network's address share it too.
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
    /// let config = Config::new().max_sockets_per_client(100);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn max_sockets_per_client(mut self, n: usize) -> Self {
        assert!(
            n != 0,
            "Config::max_sockets_per_client: zero would stop everything"
        );
        self.connection_limits.sockets_per_client = Some(n);
        self
    }

    /// Sets when a visitor whom [`max_sockets`](Self::max_sockets) or one of its kin refused is told
    /// to come again (`Retry-After`); 5 s by default.
    ///
    /// Whole seconds are sent, rounded up, and at least one. The browser client of this crate waits
    /// as long, and a random while on top. A short time makes a full server answer more refusals.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new().max_sockets(10_000).retry_after(Duration::from_secs(30));
    /// ```
    #[must_use]
    pub fn retry_after(mut self, time: Duration) -> Self {
        self.connection_limits.retry_after = time;
        self
    }

    /// Sets how many messages one socket may send per second, in the long run, and how many at once
    /// after a quiet time; unlimited by default.
    ///
    /// A socket over its rate is neither closed nor does it lose anything: it is read no further
    /// until it may go on, so that its peer has to wait. Other sockets do not notice. Every frame
    /// counts as a message: each part of a message in fragments, and each ping and pong, because
    /// these could be used to flood as well. Costs some 100 bytes per socket, and up to 16 KiB for one
    /// that is behind. Waits last whole milliseconds, so a rate above 1 000 needs a burst above one.
    ///
    /// While a socket is behind, it is pinged, but owes no answer in time, since that would wait
    /// behind what it sent before. A peer that vanished meanwhile is noticed once what had arrived
    /// from it is read, or as soon as the network reports the loss.
    ///
    /// # Panics
    ///
    /// If one of them is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    ///
    /// // 10 messages per second, and 50 at once.
    /// let config = Config::new().message_rate(10, 50);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn message_rate(mut self, per_second: u32, burst: u32) -> Self {
        assert!(
            per_second != 0 && burst != 0,
            "Config::message_rate: zero would stop everything"
        );
        self.message_rate = Some(Rate { per_second, burst });
        self
    }

    /// Sets how many bytes one socket may send per second, in the long run, and how many at once
    /// after a quiet time; unlimited by default.
    ///
    /// Slows a socket down as [`message_rate`](Self::message_rate) does, and loses nothing either;
    /// where both are set, both hold. Every byte of every frame counts, heads included, and no byte of
    /// the handshake. A message longer than the burst takes as long as the rate says. Costs what
    /// `message_rate` costs. Waits last whole milliseconds, so the burst should be no smaller than a
    /// thousandth of the rate, and than a usual message.
    ///
    /// What a visitor may send goes to each member of its audience. A reader's line has to take the
    /// rates of all who may write to it at the same time, added up; else the reader falls behind and
    /// is closed with 1013 once its queue is full ([`max_queue_bytes`](Self::max_queue_bytes)), though no
    /// visitor did anything that is not allowed. Ten messages per second of 64 KiB each are 5 Mbit/s
    /// for every reader, so a `message_rate` alone is not enough.
    ///
    /// # Panics
    ///
    /// If one of them is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    ///
    /// // 4 KiB per second, and 64 KiB at once: what a chat needs.
    /// let config = Config::new().message_rate(10, 50).byte_rate(4 * 1024, 64 * 1024);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn byte_rate(mut self, per_second: u32, burst: u32) -> Self {
        assert!(
            per_second != 0 && burst != 0,
            "Config::byte_rate: zero would stop everything"
        );
        self.byte_rate = Some(Rate { per_second, burst });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::{Config, ConnectionLimits};

    #[test]
    fn nothing_is_capped_by_default() {
        let config = Config::new();
        let ConnectionLimits {
            sockets,
            sockets_per_user,
            sockets_per_client,
            retry_after,
        } = config.connection_limits;
        assert_eq!(
            (sockets, sockets_per_user, sockets_per_client),
            (None, None, None)
        );
        assert_eq!(retry_after.as_secs(), 5);
        assert_eq!((config.message_rate, config.byte_rate), (None, None));
    }

    #[test]
    #[should_panic(expected = "Config::max_sockets_per_client: zero")]
    fn a_cap_of_zero_panics() {
        let _config = Config::new().max_sockets_per_client(0);
    }

    #[test]
    #[should_panic(expected = "Config::message_rate: zero")]
    fn a_rate_without_a_burst_panics() {
        let _config = Config::new().message_rate(1, 0);
    }

    #[test]
    #[should_panic(expected = "Config::byte_rate: zero")]
    fn a_rate_of_no_bytes_panics() {
        let _config = Config::new().byte_rate(0, 1);
    }
}
