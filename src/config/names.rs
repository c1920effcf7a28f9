//! Options that bound the groups and names of a socket.

use super::Config;

impl Config {
    /// Sets how many groups one socket may be in; 64 by default.
    ///
    /// Each membership costs an entry in the index of its group, and a header of every message that
    /// goes to the application over HTTP: all names of a socket together take at most
    /// [`max_handshake_size`](Self::max_handshake_size).
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new().max_groups(8);
    /// ```
    #[must_use]
    pub fn max_groups(mut self, n: usize) -> Self {
        self.max_groups = n;
        self
    }

    /// Sets how long the name of a user or a group may be, in bytes; 256 by default.
    ///
    /// It holds for each way to become a user's socket or a group's member: the query, an
    /// [`Identity`](crate::Identity), [`Socket::join`](crate::Socket::join), [`Hub::join`](crate::Hub::join),
    /// a `WebSocket-Join` header, [`Hub::reidentify`](crate::Hub::reidentify). A name is kept for each
    /// socket and is a header of each of its messages to the application, so what visitors may choose
    /// should be short.
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
    /// let config = Config::new().max_name_length(64);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn max_name_length(mut self, bytes: usize) -> Self {
        assert!(
            bytes != 0,
            "Config::max_name_length: zero would stop everything"
        );
        self.max_name_length = bytes;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::Config;

    #[test]
    fn defaults_are_the_promised_ones() {
        let config = Config::new();
        assert_eq!((config.max_groups, config.max_name_length), (64, 256));
    }

    #[test]
    #[should_panic(expected = "Config::max_name_length: zero")]
    fn names_without_a_byte_panic() {
        let _config = Config::new().max_name_length(0);
    }
}
