//! The setter of the subprotocols.

use std::fmt::Display;

use crate::config::parse::literal;
use crate::config::{Config, Subprotocol};

impl Config {
    /// Names the subprotocols that the sockets speak; none by default.
    ///
    /// An upgrade that offers only other subprotocols belongs to another WebSocket of the application
    /// and goes to the inner service. Otherwise the first of the client's list that is named here is
    /// chosen.
    ///
    /// # Panics
    ///
    /// If a name is not a token of letters, digits and ``!#$%&'*+-.^_`|~``.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new().subprotocols(["chat.v2", "chat.v1"]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn subprotocols(
        mut self,
        names: impl IntoIterator<Item: TryInto<Subprotocol, Error: Display>>,
    ) -> Self {
        self.subprotocols.clear();
        for name in names {
            self.subprotocols.push(literal("subprotocols", name));
        }
        self
    }
}
