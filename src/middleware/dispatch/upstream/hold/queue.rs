//! What waits and what was let go: plain state.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{sync::Notify, time::Instant};

/// The messages that wait for an upstream, and what is known of it.
#[derive(Debug)]
pub(super) struct Queue {
    /// By number, so that what comes back keeps its place before what came later.
    waiting: BTreeMap<u64, Arc<Notify>>,
    next: u64,
    /// Messages and their bytes, waiting or let go, that count against the bounds.
    messages: usize,
    bytes: usize,
    health: Health,
    /// What was let go and is not done.
    going: usize,
    /// How much may be let go at one time: it grows with each answer, so that an upstream that has just
    /// started is not flooded.
    allowance: usize,
    most: usize,
}

/// Whether the upstream listens, as far as is known.
#[derive(Clone, Copy, Debug)]
enum Health {
    Up,
    Down {
        /// When the first that waits may try.
        try_at: Instant,
        backoff: Duration,
    },
}

/// What one that waits has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Send: the upstream listens.
    Go,
    /// Send, to find out whether the upstream listens.
    Try,
    /// Ask again at this time, or when woken.
    TryAt(Instant),
    /// Ask again when woken.
    Wait,
}

impl Queue {
    pub(super) fn new(most: usize) -> Self {
        Self {
            waiting: BTreeMap::new(),
            next: 0,
            messages: 0,
            bytes: 0,
            health: Health::Up,
            going: 0,
            allowance: 1,
            most,
        }
    }

    /// Returns whether a message has to wait, since the upstream is down or others wait.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self.health, Health::Down { .. }) || !self.waiting.is_empty()
    }

    /// Counts a message; `false` if there is no room for it. If nothing is counted, there is room for any
    /// one.
    pub(super) fn count(&mut self, bytes: usize) -> bool {
        let total = self.bytes.saturating_add(bytes);
        let has_room = self.messages < MAX_MESSAGES && (self.messages == 0 || total <= MAX_BYTES);
        if has_room {
            self.messages += 1;
            self.bytes = total;
        }
        has_room
    }

    pub(super) fn count_no_longer(&mut self, bytes: usize) {
        self.messages -= 1;
        self.bytes -= bytes;
    }

    /// Gives a number in the order of arrival.
    pub(super) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Adds one that waits.
    pub(super) fn enter(&mut self, number: u64, notify: &Arc<Notify>) {
        self.waiting.insert(number, notify.clone());
        self.let_go();
    }

    /// Removes one that waits no longer, without having been let go. Returns `false` if it was let go.
    pub(super) fn leave(&mut self, number: u64) -> bool {
        let was_waiting = self.waiting.remove(&number).is_some();
        self.wake_first();
        was_waiting
    }

    /// Returns what one that entered has to do.
    pub(super) fn step(&mut self, number: u64, now: Instant) -> Step {
        if !self.waiting.contains_key(&number) {
            return Step::Go;
        }
        let is_first = self.waiting.range(..number).next().is_none();
        match &mut self.health {
            Health::Down { try_at, .. } if is_first => {
                if now < *try_at {
                    return Step::TryAt(*try_at);
                }
                // Another one tries if this one takes long.
                *try_at = now + TRY_LASTS;
                self.waiting.remove(&number);
                self.going += 1;
                self.wake_first();
                Step::Try
            }
            _ => Step::Wait,
        }
    }

    /// Notes that one that was let go is done, or tries no more.
    pub(super) fn done(&mut self) {
        self.going -= 1;
        self.let_go();
    }

    /// Notes that the upstream answered.
    pub(super) fn came_up(&mut self) {
        self.allowance = match self.health {
            Health::Up => (self.allowance + 1).min(self.most),
            Health::Down { .. } => self.most.min(AT_FIRST),
        };
        self.health = Health::Up;
        self.let_go();
    }

    /// Notes that the upstream did not listen. `tried` by the one that was to find out.
    pub(super) fn went_down(&mut self, tried: bool, now: Instant) {
        let backoff = match self.health {
            Health::Up => FIRST_BACKOFF,
            Health::Down { backoff, .. } if tried => (backoff * 2).min(MAX_BACKOFF),
            // What failed beside it says nothing new.
            Health::Down { .. } => return,
        };
        let try_at = now + backoff;
        self.health = Health::Down { try_at, backoff };
        self.wake_first();
    }

    /// Lets the next one try at once, since the one that tried was given up.
    pub(super) fn try_next(&mut self, now: Instant) {
        if let Health::Down { try_at, .. } = &mut self.health {
            *try_at = now;
        }
        self.wake_first();
    }

    fn let_go(&mut self) {
        while matches!(self.health, Health::Up) && self.going < self.allowance {
            let Some((_, notify)) = self.waiting.pop_first() else {
                return;
            };
            self.going += 1;
            notify.notify_one();
        }
        self.wake_first();
    }

    fn wake_first(&self) {
        if let (Health::Down { .. }, Some((_, notify))) =
            (self.health, self.waiting.first_key_value())
        {
            notify.notify_one();
        }
    }
}

#[cfg(test)]
impl Queue {
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.going == 0 && (self.messages, self.bytes) == (0, 0)
    }
}

pub(super) const MAX_MESSAGES: usize = 10_000;

const MAX_BYTES: usize = 64 * 1024 * 1024;

const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const MAX_BACKOFF: Duration = Duration::from_secs(1);

/// How long one may try before another one does as well.
const TRY_LASTS: Duration = Duration::from_secs(2);

/// What is let go at one time when the upstream has just come up.
const AT_FIRST: usize = 4;
