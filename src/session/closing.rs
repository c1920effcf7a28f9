use std::time::Duration;

use tokio::time::Instant;

use crate::{config::Config, protocol::CloseReason};

/// A closing handshake under way (RFC 6455 §7.1).
pub(super) struct Closing {
    pub(super) reason: CloseReason,
    /// The peer sent its close frame or something wrong: what else it sends is discarded.
    pub(super) ignores_input: bool,
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
            ignores_input: false,
            awaits_close: false,
            shut: false,
            until: None,
        }
    }

    /// When our half of the stream is ended although the peer's close frame did not come: after half
    /// of its time to close.
    pub(super) fn half_close_at(&self, config: &Config) -> Option<Instant> {
        let until = self.until.filter(|_| self.awaits_close)?;
        until.checked_sub(config.close_timeout / 2)
    }

    /// Whether our half of the stream is to be ended now.
    pub(super) fn ends_our_half(&mut self, now: Instant, config: &Config) -> bool {
        if self.half_close_at(config).is_some_and(|until| until <= now) {
            self.awaits_close = false;
        }
        self.ignores_input && !self.awaits_close && !self.shut
    }
}

/// A peer that has ended its half of the stream, with a close frame or without: it says nothing more,
/// and may still read.
pub(super) struct Left {
    until: Option<Instant>,
    is_answered: bool,
}

impl Left {
    /// The messages that it sent before may take `patience` to be answered.
    pub(super) fn new(now: Instant, patience: Duration) -> Self {
        Self {
            until: now.checked_add(patience),
            is_answered: false,
        }
    }

    /// All is answered, and our half is to end within `patience`: over TLS and HTTP/2 that waits for what
    /// was written before.
    pub(super) fn answered(left: &mut Option<Self>, now: Instant, patience: Duration) {
        if let Some(left) = left.as_mut().filter(|left| !left.is_answered) {
            left.is_answered = true;
            let until = now.checked_add(patience);
            left.until = [left.until, until].into_iter().flatten().min();
        }
    }

    /// When the connection ends although an answer is missing; none where a message may take for ever.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.until
    }
}
