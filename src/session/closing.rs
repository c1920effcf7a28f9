//! How a socket closes: its closing handshake, and the time of a peer that ended its half first.

use std::time::Duration;

use tokio::time::Instant;

use crate::{config::Config, protocol::CloseReason};

/// A closing handshake under way (RFC 6455 §7.1).
pub(super) struct Closing {
    pub(super) reason: CloseReason,
    /// The peer sent its close frame or broke a rule. What it sends from now on is discarded.
    pub(super) ignores_input: bool,
    /// Among the discarded bytes, the peer's close frame is still looked for.
    pub(super) awaits_close: bool,
    /// Our half of the stream is ended.
    pub(super) shut: bool,
    /// When the peer is cut off. Set once our close frame is written.
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

    /// Returns when our half of the stream is ended without the peer's close frame: after half of the
    /// close timeout.
    pub(super) fn half_close_at(&self, config: &Config) -> Option<Instant> {
        let until = self.until.filter(|_| self.awaits_close)?;
        until.checked_sub(config.close_timeout / 2)
    }

    /// Returns whether to end our half of the stream now.
    pub(super) fn ends_our_half(&mut self, now: Instant, config: &Config) -> bool {
        if self.half_close_at(config).is_some_and(|until| until <= now) {
            self.awaits_close = false;
        }
        self.ignores_input && !self.awaits_close && !self.shut
    }
}

/// A peer that has ended its half of the stream, with a close frame or without. It sends nothing more
/// and may still read.
pub(super) struct HalfClosed {
    until: Option<Instant>,
    is_answered: bool,
}

impl HalfClosed {
    /// Starts with messages that may take `timeout` to be answered.
    pub(super) fn new(now: Instant, timeout: Duration) -> Self {
        Self {
            until: now.checked_add(timeout),
            is_answered: false,
        }
    }

    /// Notes that all is answered. Our half is to end within `timeout`, because over TLS and HTTP/2 that
    /// waits for earlier writes.
    pub(super) fn answered(half_closed: Option<&mut Self>, now: Instant, timeout: Duration) {
        if let Some(half_closed) = half_closed.filter(|it| !it.is_answered) {
            half_closed.is_answered = true;
            let until = now.checked_add(timeout);
            half_closed.until = [half_closed.until, until].into_iter().flatten().min();
        }
    }

    /// Returns when the connection ends without the missing answers, if a message may not take forever.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.until
    }
}
