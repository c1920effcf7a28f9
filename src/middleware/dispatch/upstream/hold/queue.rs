//! What waits and what was let go: plain state.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use crate::hub::Key;

/// The messages that wait for an upstream, and what is known of it.
#[derive(Debug)]
pub(super) struct Queue {
    /// By number, so that what comes back keeps its place before what came later.
    waiting: BTreeMap<u64, Arc<Notify>>,
    next: u64,
    /// What counts against the bounds, waiting or let go: all of it, and that of each key.
    all: Load,
    by_key: HashMap<Key, Load>,
    health: Health,
    /// The number of the one that tried last.
    tried: u64,
    /// What was let go and is not done.
    going: usize,
    /// How much may be let go at one time: it grows with each answer, so that an upstream that has just
    /// started is not flooded.
    allowance: usize,
    most: usize,
}

/// Messages, and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Load {
    messages: usize,
    bytes: usize,
}

impl Load {
    /// Returns it with one message more, if that is not too much. If it is empty, there is room for any
    /// one.
    fn with(self, bytes: usize, part: usize) -> Option<Self> {
        let more = Self {
            messages: self.messages + 1,
            bytes: self.bytes.saturating_add(bytes),
        };
        let has_room = more.messages <= MAX_MESSAGES / part
            && (self.messages == 0 || more.bytes <= MAX_BYTES / part);
        has_room.then_some(more)
    }

    fn without(self, bytes: usize) -> Self {
        Self {
            messages: self.messages - 1,
            bytes: self.bytes - bytes,
        }
    }
}

/// Whether the upstream listens, as far as is known.
#[derive(Clone, Copy, Debug)]
enum Health {
    Up,
    Down {
        /// When the next one may try.
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
            all: Load::default(),
            by_key: HashMap::new(),
            health: Health::Up,
            tried: 0,
            going: 0,
            allowance: 1,
            most,
        }
    }

    /// Returns whether a message has to wait, since the upstream is down or others wait.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self.health, Health::Down { .. }) || !self.waiting.is_empty()
    }

    /// Counts a message; `false` if there is no room for it. One key has at most half of the room, so
    /// that the others find some.
    pub(super) fn count(&mut self, key: &Key, bytes: usize) -> bool {
        let own = self.by_key.get(key).copied().unwrap_or_default();
        let (Some(all), Some(own)) = (self.all.with(bytes, 1), own.with(bytes, 2)) else {
            return false;
        };
        self.all = all;
        self.by_key.insert(key.clone(), own);
        true
    }

    pub(super) fn count_no_longer(&mut self, key: &Key, bytes: usize) {
        self.all = self.all.without(bytes);
        if let Some(own) = self.by_key.get_mut(key) {
            *own = own.without(bytes);
            if *own == Load::default() {
                self.by_key.remove(key);
            }
        }
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
        self.wake_next();
        was_waiting
    }

    /// Returns what one that entered has to do.
    pub(super) fn step(&mut self, number: u64, now: Instant) -> Step {
        if !self.waiting.contains_key(&number) {
            return Step::Go;
        }
        let is_next = self.next_to_try().is_some_and(|(next, _)| next == number);
        match &mut self.health {
            Health::Down { try_at, .. } if is_next => {
                if now < *try_at {
                    return Step::TryAt(*try_at);
                }
                // Another one tries if this one takes long.
                *try_at = now + TRY_LASTS;
                self.tried = number;
                self.waiting.remove(&number);
                self.going += 1;
                self.wake_next();
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
        self.wake_next();
    }

    /// Lets the next one try at once, since the one that tried was given up.
    pub(super) fn try_next(&mut self, now: Instant) {
        if let Health::Down { try_at, .. } = &mut self.health {
            *try_at = now;
        }
        self.wake_next();
    }

    fn let_go(&mut self) {
        while matches!(self.health, Health::Up) && self.going < self.allowance {
            let Some((_, notify)) = self.waiting.pop_first() else {
                return;
            };
            self.going += 1;
            notify.notify_one();
        }
        self.wake_next();
    }

    fn wake_next(&self) {
        if let (Health::Down { .. }, Some((_, notify))) = (self.health, self.next_to_try()) {
            notify.notify_one();
        }
    }

    /// Returns which one tries: each in turn, since what one missed may be its own fault.
    fn next_to_try(&self) -> Option<(u64, &Arc<Notify>)> {
        let later = self.waiting.range(self.tried + 1..).next();
        let next = later.or_else(|| self.waiting.first_key_value());
        next.map(|(number, notify)| (*number, notify))
    }
}

#[cfg(test)]
impl Queue {
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty()
            && self.going == 0
            && self.all == Load::default()
            && self.by_key.is_empty()
    }
}

pub(super) const MAX_MESSAGES: usize = 10_000;
pub(super) const MAX_BYTES: usize = 64 * 1024 * 1024;

const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const MAX_BACKOFF: Duration = Duration::from_secs(1);

/// How long one may try before another one does as well.
const TRY_LASTS: Duration = Duration::from_secs(2);

/// What is let go at one time when the upstream has just come up.
const AT_FIRST: usize = 4;
