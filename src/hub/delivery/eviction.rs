//! Making room in the hub's bound: the queues that hold the most give something up.

use std::sync::Arc;

use super::{fanout::Member, queue::Usage};
use crate::{
    config::Overflow,
    hub::counters::Counters,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

/// Makes room in the bound of all queues together, and knows when it is worth trying.
#[derive(Debug)]
pub(in crate::hub) struct Eviction {
    counters: Arc<Counters>,
    overflow: Overflow,
    /// Held during an eviction, which may write to many sockets: no other broadcast waits for it.
    running: Mutex<()>,
    /// Each socket's share of the bound when the last eviction began.
    share: AtomicUsize,
    /// How many messages come before it is worth trying again, after it was in vain.
    pause: AtomicUsize,
}

impl Eviction {
    pub(in crate::hub) fn new(overflow: Overflow, counters: Arc<Counters>) -> Self {
        Self {
            counters,
            overflow,
            running: Mutex::default(),
            share: AtomicUsize::new(0),
            pause: AtomicUsize::new(0),
        }
    }

    /// Makes room in the hub's bound for so many more bytes, and returns how large the queue may
    /// become that is to take them. When the bound is reached, the queues that hold the most give
    /// something up, or `close` closes their sockets; if they cannot, each has an equal share.
    ///
    /// That looks at each of the `sockets`. So an eighth of the bound is freed each time, and if it
    /// cannot be, as many messages as there are sockets pass before the next try.
    ///
    /// To be called without a lock.
    pub(in crate::hub) fn reserve<M: Member>(
        &self,
        bytes: usize,
        sockets: impl FnOnce() -> Vec<Arc<M>>,
        close: impl Fn(&M) -> bool,
    ) -> usize {
        if !self.counters.is_full(bytes) {
            if self.pause.load(Relaxed) > 0 && self.counters.surplus(bytes) == 0 {
                self.pause.store(0, Relaxed);
            }
            return usize::MAX;
        }
        let (reserved, freed) = self.evict_unless_paused(bytes, sockets, close);
        if freed > 0 {
            // Without a lock, since a subscriber of the log may broadcast it.
            tracing::debug!(freed, "the fullest queues made room in the hub's bound");
        }
        reserved
    }

    /// Evicts if it is time for that: returns what is reserved now, and what was freed.
    fn evict_unless_paused<M: Member>(
        &self,
        bytes: usize,
        sockets: impl FnOnce() -> Vec<Arc<M>>,
        close: impl Fn(&M) -> bool,
    ) -> (usize, usize) {
        let Some(_running) = self.running.try_lock() else {
            // An eighth more has room until what another call frees is there.
            let is_beyond = self.counters.is_far_beyond(bytes);
            let share = self.share.load(Relaxed);
            return (if is_beyond { share } else { usize::MAX }, 0);
        };
        if !self.counters.is_full(bytes) {
            return (usize::MAX, 0);
        }
        let pause = self.pause.load(Relaxed);
        if pause > 0 {
            self.pause.store(pause - 1, Relaxed);
            return (self.share.load(Relaxed), 0);
        }
        let before = self.counters.bytes_queued();
        let sockets = sockets();
        self.evict(bytes, &sockets, close);
        let freed = before.saturating_sub(self.counters.bytes_queued());
        if !self.counters.is_full(bytes) {
            return (usize::MAX, freed);
        }
        self.pause.store(sockets.len(), Relaxed);
        (self.share.load(Relaxed), freed)
    }

    fn evict<M: Member>(&self, bytes: usize, sockets: &[Arc<M>], close: impl Fn(&M) -> bool) {
        let share = self.counters.equal_share(sockets.len());
        self.share.store(share, Relaxed);
        let mut holders: Vec<_> = sockets
            .iter()
            .filter_map(|socket| Some((socket.outbox().usage(share)?, &**socket)))
            .collect();
        holders.sort_unstable_by(|(one, _), (other, _)| other.cmp(one));
        match self.overflow {
            Overflow::Close => self.evict_by_closing(&holders, share, bytes, close),
            Overflow::DropNewest | Overflow::DropOldest => {
                self.evict_by_dropping(&holders, share, bytes);
            }
        }
    }

    /// Closes the sockets whose queues hold the most.
    fn evict_by_closing<M: Member>(
        &self,
        holders: &[(Usage, &M)],
        share: usize,
        bytes: usize,
        close: impl Fn(&M) -> bool,
    ) {
        for (_, socket) in holders {
            if self.counters.surplus(bytes) == 0 {
                return;
            }
            if !close(socket) {
                // It is closing already, and was to get the rest before.
                socket.outbox().drop_broadcasts_to(share);
            }
        }
    }

    /// Has the queues that hold the most drop broadcasts, down to what then all of them hold at most.
    fn evict_by_dropping<M: Member>(&self, holders: &[(Usage, &M)], share: usize, bytes: usize) {
        for alike in holders.chunk_by(|(one, _), (other, _)| one.is_blocked == other.is_blocked) {
            let surplus = self.counters.surplus(bytes);
            if surplus == 0 {
                return;
            }
            let heights = alike.iter().map(|(usage, _)| usage.bytes);
            let level = water_level(heights, surplus).max(share);
            for (_, socket) in alike.iter().take_while(|(usage, _)| usage.bytes > level) {
                socket.outbox().drop_broadcasts_to(level);
            }
        }
    }
}

/// Returns the height that is left when all that stand higher come down to it and so give up this
/// much together. The heights are in descending order.
fn water_level(heights: impl Iterator<Item = usize> + Clone, surplus: usize) -> usize {
    let next = heights.clone().skip(1).chain([0]);
    let mut sum = 0;
    for (count, (height, next)) in (1..).zip(heights.zip(next)) {
        sum += height;
        if sum - count * next >= surplus {
            return (sum - surplus) / count;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_come_down_to_one_level() {
        for (heights, surplus, expected) in [
            (&[][..], 10, 0),
            (&[100], 10, 90),
            (&[100, 80, 10], 20, 80),
            (&[100, 80, 10], 21, 79),
            (&[100, 80, 10], 160, 10),
            (&[100, 80, 10], 163, 9),
            (&[100, 80, 10], 500, 0),
            (&[50, 50, 50], 1, 49),
        ] {
            let found = water_level(heights.iter().copied(), surplus);
            assert_eq!(found, expected, "{heights:?} less {surplus}");
            let given = heights.iter().map(|height| height.saturating_sub(found));
            assert!(given.sum::<usize>() >= surplus.min(heights.iter().sum()));
        }
    }
}
