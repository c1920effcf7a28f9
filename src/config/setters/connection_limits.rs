//! Setters of how many sockets may be open.

use std::time::Duration;

use crate::config::parse::nonzero;
use crate::config::{Config, WhenFull};

impl Config {
    /// Sets how many sockets may be open at one time; unlimited by default.
    ///
    /// Further upgrades are refused with 503 and `Retry-After`, after the checks of handshake, size, host
    /// and origin, and before the application is asked anything. A socket counts as open from its
    /// handshake on, until its connection, or the peer's half of it, has ended. Any of these limits costs
    /// some 100 bytes per socket.
    ///
    /// After that a socket counts as finishing, until the application has handled what it had sent and
    /// its `disconnect` event. The limit holds for open and for finishing sockets separately: a page that
    /// is reloaded is not refused for the work of the page before. Finishing sockets beyond the limit
    /// count as open, and upgrades that are refused for them get `Retry-After: 1`. So at most twice as
    /// many sockets as the limit cause work, and nothing that they sent has to be dropped
    /// ([`max_dispatches`](Self::max_dispatches)). The limits per user and per client work the same way.
    ///
    /// A peer that vanished without closing counts until it misses the answer to a ping, after
    /// [`ping_interval`](Self::ping_interval) and [`pong_timeout`](Self::pong_timeout). Before that, the
    /// application may have to handle what the peer had sent.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use]
    #[track_caller]
    pub fn max_sockets(mut self, n: usize) -> Self {
        self.connection_limits.sockets = Some(nonzero("max_sockets", n));
        self
    }

    /// Sets how many sockets one user may have open at one time; unlimited by default.
    ///
    /// Further upgrades are refused with 429 and `Retry-After`, once the user is known and before the
    /// application hears of the socket; or they close the user's oldest socket, as
    /// [`when_user_full`](Self::when_user_full) says. [`max_sockets`](Self::max_sockets) tells which sockets count:
    /// after a crash or a lost network a user's old sockets count for a while beside the new ones, so
    /// leave room for a second set of tabs. A socket counts for its user at the handshake. Visitors
    /// without a user id are not limited.
    ///
    /// Without an `identify` hook a user id is the visitor's claim: any visitor can use up the sockets of
    /// a name, and avoid the limit with another name. Verified and claimed users of the same name count
    /// separately.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use]
    #[track_caller]
    pub fn max_sockets_per_user(mut self, n: usize) -> Self {
        self.connection_limits.sockets_per_user = Some(nonzero("max_sockets_per_user", n));
        self
    }

    /// Chooses which socket has to go when a user has [`max_sockets_per_user`](Self::max_sockets_per_user):
    /// by default the new one, which is refused; with [`WhenFull::CloseOldest`] the user's oldest.
    ///
    /// The oldest is closed at the moment at which the new one is accepted, after the application
    /// consented to it, with 4409 "opened elsewhere". The browser client does not reconnect then; other
    /// clients have to leave it at that as well, or two of them close each other without end. Whatever
    /// comes at the same time, the newest sockets stay, in the order of their handshakes.
    ///
    /// It holds for verified users alone. A user id that is only claimed would let every visitor close the
    /// sockets of others: claimed users are refused as before, and their sockets are never closed for
    /// another. A socket counts for the user that it has at that moment, which
    /// [`Hub::reidentify`](crate::Hub::reidentify) may have changed; changing it closes none.
    ///
    /// A socket that was closed keeps its place until its connection has ended and what it sent is handled.
    /// So with this choice a user may have twice the limit of sockets in all, as with the other; upgrades
    /// beyond that are refused with 429 and `Retry-After: 1`. Like every limit it is one of each node:
    /// [`Cluster::close_user`](crate::Cluster::close_user) reaches the others.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Config, config::WhenFull};
    ///
    /// // One page per user: the one that was opened last.
    /// let config = Config::new().max_sockets_per_user(1).when_user_full(WhenFull::CloseOldest);
    /// ```
    #[must_use]
    pub fn when_user_full(mut self, choice: WhenFull) -> Self {
        self.connection_limits.when_user_full = choice;
        self
    }

    /// Sets how many sockets one client may have open at one time; unlimited by default.
    ///
    /// Further upgrades are refused with 429 and `Retry-After`, before the application is asked to
    /// identify the visitor. A client is an IPv4 address, or a /64 network of IPv6, since one machine
    /// usually owns all of it. [`max_sockets`](Self::max_sockets) tells which sockets count.
    ///
    /// **Behind a proxy all visitors have the proxy's address and share one limit**, unless
    /// [`trusted_proxies`](Self::trusted_proxies) names the proxy. Clients whose address is not known
    /// share one limit as well: serve with axum's connect info or insert a `PeerAddr`. So do the visitors
    /// behind the one address of an office or a phone network.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use]
    #[track_caller]
    pub fn max_sockets_per_client(mut self, n: usize) -> Self {
        self.connection_limits.sockets_per_client = Some(nonzero("max_sockets_per_client", n));
        self
    }

    /// Sets the `Retry-After` of upgrades that [`max_sockets`](Self::max_sockets),
    /// [`max_sockets_per_user`](Self::max_sockets_per_user) or
    /// [`max_sockets_per_client`](Self::max_sockets_per_client) refused; 5 seconds by default.
    ///
    /// Whole seconds are sent, rounded up, and at least one. The browser client of this crate waits that
    /// long and a random time on top. A short time makes a full server answer more refusals.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new().max_sockets(10_000).retry_after(Duration::from_secs(30));
    /// ```
    #[must_use]
    pub fn retry_after(mut self, time: Duration) -> Self {
        self.connection_limits.retry_after = time;
        self
    }
}
