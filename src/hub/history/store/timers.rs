//! The moments at which lanes have something to do.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
};

use tokio::time::Instant;

use crate::{hub::history::lane::Lane, sync::Mutex};

/// Lanes by the moment when they are to be looked at.
#[derive(Debug, Default)]
pub(in crate::hub::history) struct Timers(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    lanes: BTreeMap<(Instant, u64), Weak<Lane>>,
    serial: u64,
}

impl Timers {
    /// Has a lane looked at. Returns whether it is the next one.
    pub(super) fn set(&self, at: Instant, lane: &Arc<Lane>) -> bool {
        let mut state = self.0.lock();
        state.serial += 1;
        let serial = state.serial;
        let is_next = state.lanes.keys().next().is_none_or(|(next, _)| at < *next);
        state.lanes.insert((at, serial), Arc::downgrade(lane));
        is_next
    }

    pub(in crate::hub::history) fn next(&self) -> Option<Instant> {
        self.0.lock().lanes.keys().next().map(|(at, _)| *at)
    }

    /// Returns a lane whose moment has come.
    pub(in crate::hub::history) fn due(&self, now: Instant) -> Option<(Instant, Arc<Lane>)> {
        let mut state = self.0.lock();
        loop {
            let first = state.lanes.first_entry()?;
            let at = first.key().0;
            if at > now {
                return None;
            }
            // One that is gone has nothing to do.
            if let Some(lane) = first.remove().upgrade() {
                return Some((at, lane));
            }
        }
    }
}
