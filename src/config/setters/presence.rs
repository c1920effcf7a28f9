//! The option of the groups whose members are kept track of.

use crate::config::{Config, PresenceRule};

impl Config {
    /// Keeps track of the members of a group, or of all groups with a prefix; of none by default.
    ///
    /// Call it once for each rule. The rule for a group's exact name counts, else the one with the longest
    /// prefix. A second rule for the same name takes the place of the first. The
    /// [guide](crate::guide::presence) shows what comes of it. Give all nodes of a cluster the same rules.
    ///
    /// A member costs some 160 bytes on each node that hears of its group, beside what
    /// [`Socket::set_presence`](crate::Socket::set_presence) says of it. Groups without a rule cost nothing.
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
