use tokio::time::Instant;

use crate::{config::Config, hub::CloseReason};

/// A closing handshake under way (RFC 6455 §7.1).
pub(super) struct Closing {
    pub(super) reason: CloseReason,
    /// The peer sent its close frame or something wrong: what else it sends is discarded.
    pub(super) deaf: bool,
    /// Of what is discarded, the peer's close frame still matters.
    pub(super) awaits_close: bool,
    /// Our half of the stream is ended.
    pub(super) shut: bool,
    /// When the peer's patience is ours no longer; set once our close frame is written.
    pub(super) until: Option<Instant>,
}

impl Closing {
    pub(super) fn new(reason: CloseReason) -> Self {
        Self {
            reason,
            deaf: false,
            awaits_close: false,
            shut: false,
            until: None,
        }
    }

    /// When our half of the stream is ended although the peer's close frame did not come: after half
    /// of its time to close.
    pub(super) fn patience(&self, config: &Config) -> Option<Instant> {
        let until = self.until.filter(|_| self.awaits_close)?;
        until.checked_sub(config.close_timeout / 2)
    }

    /// Whether our half of the stream is to be ended now.
    pub(super) fn ends_our_half(&mut self, now: Instant, config: &Config) -> bool {
        if self.patience(config).is_some_and(|until| until <= now) {
            self.awaits_close = false;
        }
        self.deaf && !self.awaits_close && !self.shut
    }
}
