//! Setters of the messages that are kept for clients that reconnect.

use crate::config::parse::nonzero;
use crate::config::{Config, HistoryRule};

impl Config {
    /// Keeps the last messages of some groups, of users, or of all sockets, so that a client that
    /// reconnects gets what it missed; nothing is kept by default.
    ///
    /// May be called for several rules; one for the same streams as an earlier one replaces it. The page
    /// [`guide::history`](crate::guide::history) says what is promised. Messages without a rule cost
    /// nothing; each other costs its frame and some hundred bytes, within
    /// [`max_history_bytes`](Self::max_history_bytes).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use web_connection_socket::{Config, config::HistoryRule};
    ///
    /// let lobby = HistoryRule::group("lobby").messages(50).age(Duration::from_secs(60));
    /// let config = Config::new().history(lobby).history(HistoryRule::users());
    /// ```
    #[must_use]
    pub fn history(mut self, rule: HistoryRule) -> Self {
        self.history
            .retain(|known| known.applies_to != rule.applies_to);
        self.history.push(rule);
        self
    }

    /// Sets how many bytes of messages are kept over all streams; 64 MiB by default.
    ///
    /// Each message counts with its frame and 128 bytes, each stream with 512. Beyond it, the least recently
    /// used streams are forgotten: their clients that reconnect are told that they may have missed
    /// something.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use]
    #[track_caller]
    pub fn max_history_bytes(mut self, bytes: usize) -> Self {
        self.max_history_bytes = nonzero("max_history_bytes", bytes);
        self
    }
}
