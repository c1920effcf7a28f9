//! What has arrived while this node was stopped.

use std::time::Duration;

use tokio::time::Instant;

use super::open_link::DEAF;

/// What has arrived during a stall, as it is read.
#[derive(Debug)]
pub(super) struct Backlog {
    /// When something of it was read last, or a stall was noticed.
    heard: Instant,
    /// When judgements are made even if there is more.
    limit: Instant,
}

impl Backlog {
    pub(super) fn new(now: Instant) -> Self {
        let (heard, limit) = (now, now + LONGEST);
        Self { heard, limit }
    }

    /// Notes that something was read, or could not be because of another stall.
    pub(super) fn hear(&mut self, now: Instant) {
        self.heard = now;
    }

    /// Returns when it counts as read, unless more arrives before.
    pub(super) fn deadline(&self) -> Instant {
        self.limit.min(self.heard + SILENCE)
    }
}

/// How long nothing may arrive while there is more to be read: as long as a busy machine may hold a task up,
/// since after that the tasks that read may have their turn last.
const SILENCE: Duration = Duration::from_secs(1);

/// How long others' messages may come and not this node's own heartbeat, which it sends as soon as it goes
/// on: as long as on a new link.
const LONGEST: Duration = DEAF;
