//! The option of the groups whose members are tracked.

use crate::config::{Config, PresenceRule};

impl Config {
    /// Tracks the members of a group, or of all groups with a prefix; of none by default.
    ///
    /// Call it once for each rule. The rule for a group's exact name counts, else the one with the longest
    /// prefix. A second rule for the same name replaces the first. The [guide](crate::guide::presence) shows
    /// how to use it. Give all nodes of a cluster the same rules.
    ///
    /// A member costs some 160 bytes on each node that hears of its group, and its value
    /// ([`Socket::set_presence`](crate::Socket::set_presence)). Groups without a rule cost nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Config, WebConnectionSocketLayer, config::PresenceRule};
    ///
    /// let config = Config::new().presence(PresenceRule::group("lobby"));
    /// let layer = WebConnectionSocketLayer::new(config);
    /// assert_eq!(layer.hub().presence("lobby").users, 0);
    /// ```
    #[must_use]
    pub fn presence(mut self, rule: PresenceRule) -> Self {
        self.presence.add(rule);
        self
    }
}
