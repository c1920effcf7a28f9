//! Moments at which this node had no time, as when its process or its machine was stopped: what has
//! arrived meanwhile is taken before others are judged by it.

use std::time::Duration;

use tokio::time::Instant;

use super::state::State;

impl State {
    /// Puts judgements off if what was due is done late. To be called before what is due is done.
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
