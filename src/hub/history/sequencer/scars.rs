//! Scars that are to be appended for messages that the store has not taken.

use std::{collections::VecDeque, mem, time::Duration};

use tokio::time::Instant;

use super::effect::Scar;

/// What of this node is not in the store.
#[derive(Debug, Default)]
pub(super) struct Scars {
    /// Messages, and since when it is known; oldest first.
    missed: VecDeque<(u64, Instant)>,
    /// Whether there were more than are kept.
    has_more: bool,
    appending: Option<(u64, Scar)>,
    /// When a store that has failed is asked again.
    again: Option<Instant>,
    /// The last scar that the store has taken.
    healed: Option<u64>,
    /// Random at first.
    next_id: u64,
}

impl Scars {
    pub(super) fn new(random: u64) -> Self {
        Self {
            next_id: random,
            ..Self::default()
        }
    }

    /// Notes that the store has not taken a message, or is not known to have.
    pub(super) fn miss(&mut self, id: u64, now: Instant) {
        if self.missed.len() < MAX_SCAR {
            self.missed.push_back((id, now));
        } else {
            self.has_more = true;
        }
    }

    /// Whether a lost message has no stored scar yet.
    pub(super) fn is_open(&self) -> bool {
        !self.missed.is_empty() || self.appending.is_some()
    }

    /// Returns when a scar is to be appended.
    pub(super) fn due(&self) -> Option<Instant> {
        let (_, since) = self.missed.front().filter(|_| self.appending.is_none())?;
        let at = *since + SCAR_AFTER;
        Some(self.again.map_or(at, |again| again.max(at)))
    }

    /// Begins a scar, and returns the id of its entry.
    pub(super) fn begin(&mut self, now: Instant) -> (u64, Scar) {
        let is_ripe = |(_, since): &(u64, Instant)| now >= *since + SCAR_AFTER;
        let count = self.missed.iter().take_while(|one| is_ripe(one)).count();
        let ids: Vec<u64> = self.missed.drain(..count).map(|(id, _)| id).collect();
        // A new one each time: a store that drops doubles must not find it in an older place.
        self.next_id = self.next_id.wrapping_add(ODD).rotate_left(29);
        let id = self.next_id;
        let scar = Scar {
            ids: ids.into(),
            has_more: mem::take(&mut self.has_more),
        };
        self.again = None;
        self.appending = Some((id, scar.clone()));
        (id, scar)
    }

    /// Returns the scar if it is this one, which the store has taken.
    pub(super) fn answered(&mut self, id: u64) -> Option<Scar> {
        let (_, scar) = self.appending.take_if(|(scar, _)| *scar == id)?;
        self.healed = Some(id);
        Some(scar)
    }

    /// Notes that the store has not taken a scar. Returns `false` if it is not this one.
    pub(super) fn failed(&mut self, id: u64, now: Instant) -> bool {
        let Some((_, scar)) = self.appending.take_if(|(scar, _)| *scar == id) else {
            return false;
        };
        self.has_more |= scar.has_more;
        self.again = Some(now + SCAR_AGAIN);
        for id in scar.ids.iter().rev() {
            self.missed.push_front((*id, now));
        }
        while self.missed.len() > MAX_SCAR {
            self.missed.pop_back();
            self.has_more = true;
        }
        true
    }

    /// Whether an entry is the last scar of this node.
    pub(super) fn is_own(&self, id: u64) -> bool {
        self.healed == Some(id)
    }
}

/// How long a scar waits, so that on other nodes the messages that it stands for come before it, and so
/// that messages share one.
const SCAR_AFTER: Duration = Duration::from_millis(500);

/// How long a store that has not taken a scar is left alone.
const SCAR_AGAIN: Duration = Duration::from_secs(1);

/// How many messages a scar names.
const MAX_SCAR: usize = 1_024;

const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
