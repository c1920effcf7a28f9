//! Stalls of this node, as when its process or machine was stopped: messages that arrived meanwhile are
//! read before other nodes are judged.

use std::time::Duration;

use tokio::time::Instant;

use super::state::State;

impl State {
    /// Postpones judgements if this node is late. To be called before due work is done.
    pub(in crate::hub::cluster) fn catch_up(&mut self, now: Instant) {
        let is_late = |due| now >= due + STALL;
        if self.deadline().is_some_and(is_late) {
            let until = now + READ;
            self.link.iter_mut().for_each(|link| link.bear(until));
            self.roster.bear(until);
            self.ledger.bear(until);
        }
    }
}

/// How late a task of a machine that is busy may be.
const STALL: Duration = Duration::from_secs(1);

/// How long it may take to read what has arrived.
const READ: Duration = Duration::from_millis(500);
