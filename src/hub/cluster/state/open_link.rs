//! The open link, and whether it still carries this node's own heartbeats.

use std::time::Duration;

use tokio::time::Instant;

/// The link that is open.
#[derive(Debug)]
pub(super) struct OpenLink {
    since: Instant,
    /// When this node's own heartbeat was seen, or the link was opened.
    heard: Instant,
}

impl OpenLink {
    pub(super) fn new(now: Instant) -> Self {
        let (since, heard) = (now, now);
        Self { since, heard }
    }

    /// Notes this node's own heartbeat.
    pub(super) fn hear(&mut self, now: Instant) {
        self.heard = now;
    }

    /// Postpones the moment from which the link is deaf, to `until` at least.
    pub(super) fn bear(&mut self, until: Instant) {
        if self.deadline() < until {
            self.heard = until - DEAF;
        }
    }

    pub(super) fn is_deaf(&self, now: Instant) -> bool {
        now >= self.deadline()
    }

    /// Returns when the link is deaf, unless it carries something before.
    pub(super) fn deadline(&self) -> Instant {
        self.heard + DEAF
    }

    /// Whether it has been open for so long that each other node has sent a heartbeat over it.
    pub(super) fn has_lasted(&self, beat: Duration, now: Instant) -> bool {
        now >= self.since + beat
    }
}

/// How long this node's own heartbeat may not be heard.
pub(super) const DEAF: Duration = Duration::from_secs(6);
