//! Stalls of this node, as when its process or machine was stopped: messages that arrived meanwhile are
//! read before its link and other nodes are judged.

use std::time::Duration;

use tokio::time::Instant;

use super::{backlog::Backlog, state::State};

impl State {
    /// Postpones judgements if this node is late, for as long as something arrives: its own heartbeat and
    /// those of others stand behind all that has arrived before. To be called before due work is done.
    /// Returns whether they are postponed.
    ///
    /// If it is late again before it has judged, the limit stays: a node that always is judges as well.
    pub(in crate::hub::cluster) fn catch_up(&mut self, now: Instant) -> bool {
        let is_late = |due| now >= due + STALL;
        if self.deadline().is_some_and(is_late) {
            let backlog = self.backlog.get_or_insert_with(|| Backlog::new(now));
            backlog.hear(now);
        }
        let until = self.backlog.as_ref().map(Backlog::deadline);
        let Some(until) = until.filter(|until| now < *until) else {
            self.backlog = None;
            return false;
        };
        self.link.iter_mut().for_each(|link| link.bear(until));
        self.roster.bear(until);
        self.ledger.bear(until);
        true
    }

    /// Notes that something has arrived that is of no other use.
    pub(in crate::hub::cluster) fn note_arrival(&mut self, now: Instant) {
        self.backlog.iter_mut().for_each(|it| it.hear(now));
    }
}

/// How late a task of a machine that is busy may be.
const STALL: Duration = Duration::from_secs(1);
