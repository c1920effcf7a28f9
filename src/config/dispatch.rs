//! Options of what goes to the application: how many messages, for how long, and which events.

use std::time::Duration;

use super::Config;
use super::parse::nonzero;

impl Config {
    /// Sets how many messages the application handles at one time, over all sockets of the hub and all
    /// services that share it; 1 024 by default.
    ///
    /// Each costs a request in the application. Further messages wait within
    /// [`dispatch_timeout`](Self::dispatch_timeout), in one queue for each user, and the queues are
    /// served in turn: a visitor that sends much delays the others by one message. One user holds at
    /// most half of the places, but at least one. Without a verified user the queue belongs to the
    /// client's address where [`max_sockets_per_client`](Self::max_sockets_per_client) is set, else to
    /// the socket.
    ///
    /// With [`max_sockets`](Self::max_sockets) the number of sockets bounds what waits, and a message of
    /// a socket that has ended waits for its turn without a deadline. Without it, four messages for each
    /// place may wait, and 64 MiB in all. Beyond that a socket gets an `overloaded` error at once, and a
    /// message of a socket that has ended is dropped, counted
    /// ([`Stats::messages_shed`](crate::Stats::messages_shed)) and logged as a warning.
    ///
    /// The `connect` and `disconnect` events have places of their own, a quarter as many. They wait
    /// without a deadline and are never dropped.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use]
    #[track_caller]
    pub fn max_dispatches(mut self, n: usize) -> Self {
        self.max_dispatches = nonzero("max_dispatches", n);
        self
    }

    /// Sets how long the application may take for one message, and how long a message may wait for its
    /// turn before that; 30 seconds by default.
    ///
    /// The socket's next message waits meanwhile. A message that is not handled in time gives its sender
    /// a `timeout` error, one whose turn never came an `overloaded` error. A socket whose peer has ended
    /// its half of the stream waits as long for its replies. A `connect` or `disconnect` event waits for
    /// its turn without a deadline, and then has the same time. A longer time keeps more messages and
    /// tasks in memory when the application hangs.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use]
    #[track_caller]
    pub fn dispatch_timeout(mut self, time: Duration) -> Self {
        self.dispatch_timeout = nonzero("dispatch_timeout", time);
        self
    }

    /// Sends the application a `connect` request before each socket opens and a `disconnect` request
    /// after it closed; off by default.
    ///
    /// When on, each socket costs two more requests to the application, and a slow `connect` delays
    /// its upgrade, up to [`dispatch_timeout`](Self::dispatch_timeout).
    #[must_use]
    pub fn lifecycle_events(mut self, on: bool) -> Self {
        self.lifecycle_events = on;
        self
    }
}
