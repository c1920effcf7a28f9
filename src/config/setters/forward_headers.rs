//! The setter of the headers that go along with each message.

use std::fmt::Display;

use http::HeaderName;

use crate::config::parse::literal;
use crate::config::{Config, ForwardHeaders};

impl Config {
    /// Restricts the headers of the handshake that each dispatched message carries again to these; by
    /// default all go along that make sense without the connection.
    ///
    /// `Host` always goes along. Headers of the connection, of the body, of the WebSocket handshake and
    /// those reserved for this library never do, even if named here. Each kept header costs its length
    /// in memory, per socket.
    ///
    /// # Panics
    ///
    /// If a name is not a valid header name.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new().forward_headers(["cookie", "user-agent"]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn forward_headers(
        mut self,
        names: impl IntoIterator<Item: TryInto<HeaderName, Error: Display>>,
    ) -> Self {
        let mut included = Vec::new();
        for name in names {
            included.push(literal("forward_headers", name));
        }
        self.forward_headers = ForwardHeaders::Only(included);
        self
    }
}
