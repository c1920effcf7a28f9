//! Stalls of this node, as when its process or machine was stopped: messages that arrived meanwhile are
//! read before its link and other nodes are judged.

use std::time::Duration;

use tokio::time::Instant;

use super::{backlog::Backlog, state::State};

impl State {
    /// Postpones judgements if this node is late, for as long as something arrives: its own heartbeat and
    /// those of others stand behind all that has arrived before. To be called before due work is done.
    pub(in crate::hub::cluster) fn catch_up(&mut self, now: Instant) {
        let is_late = |due| now >= due + STALL;
        if self.deadline().is_some_and(is_late) {
            self.backlog = Some(Backlog::new(now));
        }
        let until = self.backlog.as_ref().map(Backlog::deadline);
        let Some(until) = until.filter(|until| now < *until) else {
            self.backlog = None;
            return;
        };
        self.link.iter_mut().for_each(|link| link.bear(until));
        self.roster.bear(until);
        self.ledger.bear(until);
    }
}

/// How late a task of a machine that is busy may be.
const STALL: Duration = Duration::from_secs(1);
