//! Setters of how clients that a server sends away are kept from coming back all at once.

use std::time::Duration;

use crate::config::Config;

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
}
