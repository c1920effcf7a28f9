//! Messages that went to sockets before they had a place in their stream.

use std::{
    collections::{HashMap, VecDeque},
    mem,
    time::Duration,
};

use tokio::time::Instant;

/// Messages that this node's sockets have had with a void position.
///
/// One is *open* until its place has passed or a scar stands for it: what the sockets get meanwhile must
/// not be resumed from, since the message may come before or after it in the stream.
#[derive(Debug, Default)]
pub(super) struct Voids {
    all: HashMap<u64, Void>,
    /// The same, oldest first.
    order: VecDeque<u64>,
    open: usize,
}

#[derive(Debug)]
struct Void {
    since: Instant,
    is_open: bool,
    /// Whether this node knows already what is to be done about it.
    is_awaited: bool,
}

impl Voids {
    /// Notes a message that goes to the sockets now.
    pub(super) fn add(&mut self, id: u64, is_awaited: bool, now: Instant) {
        while self.order.len() >= MAX_VOIDS {
            self.forget_oldest();
        }
        let void = Void {
            since: now,
            is_open: true,
            is_awaited,
        };
        if self.all.insert(id, void).is_none() {
            self.order.push_back(id);
            self.open += 1;
        }
    }

    pub(super) fn contains(&self, id: u64) -> bool {
        !self.all.is_empty() && self.all.contains_key(&id)
    }

    /// Whether there is a message whose place is not known.
    pub(super) fn is_open(&self) -> bool {
        self.open > 0
    }

    /// Notes that the place of a message has passed. Returns whether it is one of these.
    pub(super) fn close(&mut self, id: u64) -> bool {
        if self.all.is_empty() {
            return false;
        }
        let Some(void) = self.all.get_mut(&id) else {
            return false;
        };
        self.open -= usize::from(void.is_open);
        void.is_open = false;
        true
    }

    /// Makes this node responsible for an open message. Returns `false` if there is nothing to be done.
    pub(super) fn take_over(&mut self, id: u64) -> bool {
        let void = self.all.get_mut(&id).filter(|void| void.is_open);
        void.is_some_and(|void| !mem::replace(&mut void.is_awaited, true))
    }

    /// Notes that all were before what comes now.
    pub(super) fn close_all(&mut self) {
        self.all.values_mut().for_each(|void| void.is_open = false);
        self.open = 0;
    }

    /// Notes that this node hears no more of the messages of others.
    pub(super) fn close_others(&mut self) {
        for void in self.all.values_mut().filter(|void| !void.is_awaited) {
            self.open -= usize::from(void.is_open);
            void.is_open = false;
        }
    }

    /// Forgets old messages, and returns those of other nodes that are unresolved for [`PATIENCE`].
    pub(super) fn overdue(&mut self, now: Instant) -> Vec<u64> {
        while self.order.front().is_some_and(|id| {
            let void = &self.all[id];
            !void.is_open && now >= void.since + KEPT
        }) {
            self.forget_oldest();
        }
        if self.order.is_empty() {
            *self = Self::default();
        }
        if self.open == 0 {
            return Vec::new();
        }
        let mut ids = Vec::new();
        for id in &self.order {
            let Some(void) = self.all.get_mut(id) else {
                continue;
            };
            if void.is_open && !void.is_awaited && now >= void.since + PATIENCE {
                // Said once.
                void.is_awaited = true;
                ids.push(*id);
            }
        }
        ids
    }

    /// Says when [`overdue`](Self::overdue) is to be asked next.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        let oldest = self.all.get(self.order.front()?)?;
        Some(if self.open > 0 {
            (oldest.since + PATIENCE).max(now + RECHECK)
        } else {
            oldest.since + KEPT
        })
    }

    fn forget_oldest(&mut self) {
        let oldest = self.order.pop_front();
        if let Some(void) = oldest.and_then(|id| self.all.remove(&id)) {
            self.open -= usize::from(void.is_open);
        }
    }
}

/// How many are known at a time: at most some 300 KiB for a stream whose store has failed within the last
/// two minutes, and nothing for others.
const MAX_VOIDS: usize = 4_096;

/// After how long without word another node's message counts as not stored: its node may be gone.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often open ones are looked at.
const RECHECK: Duration = Duration::from_secs(1);

/// How long a message is known after it was delivered. No frame is under way for longer.
const KEPT: Duration = Duration::from_secs(120);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_no_more_takes_no_room() {
        let (mut voids, now) = (Voids::default(), Instant::now());
        for id in 0..2 * MAX_VOIDS as u64 {
            voids.add(id, true, now);
        }
        assert_eq!(voids.all.len(), MAX_VOIDS);
        voids.close_all();
        voids.overdue(now + KEPT);
        assert_eq!((voids.all.capacity(), voids.order.capacity()), (0, 0));
    }
}
