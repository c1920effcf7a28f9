//! The options of a cluster.

use crate::config::{Config, cluster_key::ClusterKey};

impl Config {
    /// Has nodes sign what they say to each other with a key that all of them share.
    ///
    /// Without one, every program that can publish on the broker under the
    /// [backplane](crate::WebConnectionSocketLayer::backplane)'s prefix can speak to all sockets and
    /// close them. With one, unsigned messages are dropped and counted
    /// ([`ClusterEvent::Garbage`](crate::ClusterEvent::Garbage)). A signature costs 32 bytes and some
    /// microseconds per KiB; nothing is encrypted. Frames that another program has recorded and replays are
    /// refused, except by nodes that have started since. Use at least 16 random bytes. To change the key,
    /// restart all nodes with another prefix.
    ///
    /// # Panics
    ///
    /// If the key is empty.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new().cluster_key("from-the-vault");
    /// assert!(!format!("{config:?}").contains("vault"));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn cluster_key(mut self, key: impl AsRef<[u8]>) -> Self {
        let key = key.as_ref();
        assert!(!key.is_empty(), "Config::cluster_key: must not be empty");
        self.cluster_key = Some(ClusterKey::new(key));
        self
    }
}
