//! Setters of how clients that a server sends away are kept from coming back all at once.

use std::time::Duration;

use crate::config::parse::nonzero;
use crate::config::{Config, Rate};

impl Config {
    /// Sets over how long a [shutdown](crate::Hub::shutdown) spreads the closing of its sockets;
    /// 5 seconds by default, zero closes all at once.
    ///
    /// Sockets are closed one by one, in random order, so that the server that takes their clients over
    /// sees them come one by one as well. It takes 10 ms per socket and this time at most, so few
    /// sockets are closed in a moment; it never takes more than half of the shutdown's deadline. A socket
    /// gets broadcasts until its own turn has come. A longer time makes a shutdown longer.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use web_connection_socket::Config;
    ///
    /// // 50 000 sockets; the process has a minute to end: `Hub::shutdown(Duration::from_secs(50))`.
    /// let config = Config::new()
    ///     .drain_spread(Duration::from_secs(25))
    ///     .reconnect_window(Duration::from_secs(60));
    /// ```
    #[must_use]
    pub fn drain_spread(mut self, time: Duration) -> Self {
        self.drain_spread = time;
        self
    }

    /// Sets the longest time within which clients that a shutdown sends away are asked to come back;
    /// 20 seconds by default.
    ///
    /// The reason of their close frames names it, `1001 server is shutting down; retry within 20s`, and
    /// the browser client of this crate makes its first attempt at a random moment of that time. Other
    /// clients may ignore the text. It is 10 ms per socket that was open, in whole seconds and at least
    /// one, up to this time: the pages of a small site return at once, those of a large one at some 100
    /// per second. Upgrades that are refused meanwhile are told a random `Retry-After` up to it, or up
    /// to 5 seconds if that is more.
    ///
    /// A longer time keeps pages offline longer, and the servers that take them over calmer. With zero
    /// the reason names no time, and clients return as they do after any loss.
    #[must_use]
    pub fn reconnect_window(mut self, time: Duration) -> Self {
        self.reconnect_window = time;
        self
    }

    /// Sets how many sockets may begin to open per second in the long run, and how many at once after a
    /// quiet time; unlimited by default.
    ///
    /// It guards a server to which the clients of another one reconnect all at once, and the database that
    /// its `identify` hook asks. Further upgrades are refused with 503 and a random `Retry-After` of up to
    /// [`reconnect_window`](Self::reconnect_window), after the limits on the number of sockets and before
    /// the application is asked anything; what is refused costs some microseconds and does not count.
    /// The rate is that of all clients together, over all layers that share the hub: a client that opens
    /// and closes sockets without pause uses it up, so set
    /// [`max_sockets_per_client`](Self::max_sockets_per_client) as well.
    ///
    /// Take half of what your hooks and their database stand: with 10 ms of work in each of 8 database
    /// connections, 400 per second and a burst of as many. 10 000 clients are all back after 25 seconds
    /// then.
    ///
    /// The GET by which the browser client asks why no socket opened is refused at the same times, and
    /// takes the place of no upgrade. As it asks the `identify` hook as well, the same rate holds
    /// for these requests separately.
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
    /// // 200 handshakes per second, and 400 at once.
    /// let config = Config::new().handshake_rate(200, 400);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn handshake_rate(mut self, per_second: u32, burst: u32) -> Self {
        self.handshake_rate = Some(Rate {
            per_second: nonzero("handshake_rate", per_second),
            burst: nonzero("handshake_rate", burst),
        });
        self
    }
}
