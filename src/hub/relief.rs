use std::sync::Arc;

use super::{
    Hub, SocketEntry,
    outbox::{Backlog, Holding},
};
use crate::{
    config::Overflow,
    protocol::CloseReason,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

/// Who looks for room in the hub's bound, and when it is worth looking.
#[derive(Debug, Default)]
pub(super) struct Relief {
    /// Held during a look, which may write to many sockets: no other broadcast waits for it.
    look: Mutex<()>,
    /// Each socket's share of the bound when the last look began.
    share: AtomicUsize,
    /// How many messages come before it is worth looking again, after it was in vain.
    pause: AtomicUsize,
}

impl Hub {
    /// How large a queue may become that is to take so many more bytes, as far as the hub's bound
    /// goes. When that is reached, those who hold the most make room; where they cannot, each socket
    /// has its equal share.
    ///
    /// That looks at every socket. So an eighth of the bound is freed each time, and where it cannot
    /// be, as many messages as there are sockets pass before the next look.
    ///
    /// To be called without a lock.
    pub(super) fn allowance(&self, bytes: usize) -> usize {
        if !self.counters.is_full(bytes) {
            if self.relief.pause.load(Relaxed) > 0 && self.counters.surplus(bytes) == 0 {
                self.relief.pause.store(0, Relaxed);
            }
            return usize::MAX;
        }
        let (allowance, freed) = self.look(bytes);
        if freed > 0 {
            // Without a lock, since whoever hears of it may broadcast it.
            tracing::debug!(
                freed,
                "those who held the most made room in the hub's bound"
            );
        }
        allowance
    }

    /// One look at all sockets, if it is time for one: what is allowed now, and what was freed.
    fn look(&self, bytes: usize) -> (usize, usize) {
        let Some(_look) = self.relief.look.try_lock() else {
            // An eighth more has room until what another frees is there.
            let is_beyond = self.counters.is_far_beyond(bytes);
            let share = self.relief.share.load(Relaxed);
            return (if is_beyond { share } else { usize::MAX }, 0);
        };
        if !self.counters.is_full(bytes) {
            return (usize::MAX, 0);
        }
        let pause = self.relief.pause.load(Relaxed);
        if pause > 0 {
            self.relief.pause.store(pause - 1, Relaxed);
            return (self.relief.share.load(Relaxed), 0);
        }
        let before = self.counters.bytes_queued();
        let sockets = self.relieve(bytes);
        let freed = before.saturating_sub(self.counters.bytes_queued());
        if !self.counters.is_full(bytes) {
            return (usize::MAX, freed);
        }
        self.relief.pause.store(sockets, Relaxed);
        (self.relief.share.load(Relaxed), freed)
    }

    /// Makes room for so many bytes and more, and tells how many sockets there are.
    fn relieve(&self, bytes: usize) -> usize {
        let everyone: Vec<_> = {
            let state = self.state.lock();
            let everyone = state.registry.everyone();
            everyone.map(|(_, entry)| entry.clone()).collect()
        };
        let share = self.counters.share(everyone.len());
        self.relief.share.store(share, Relaxed);
        let mut holders: Vec<_> = everyone
            .iter()
            .filter_map(|entry| Some((entry.outbox.holding(share)?, entry)))
            .collect();
        holders.sort_unstable_by(|(one, _), (other, _)| other.cmp(one));
        match self.overflow {
            Overflow::Close => self.cut(&holders, share, bytes),
            Overflow::DropNewest | Overflow::DropOldest => self.trim(&holders, share, bytes),
        }
        everyone.len()
    }

    /// Closes those who hold the most.
    fn cut(&self, holders: &[(Holding, &Arc<SocketEntry>)], share: usize, bytes: usize) {
        for (_, entry) in holders {
            if self.counters.surplus(bytes) == 0 {
                return;
            }
            if !self.close_entry(entry, CloseReason::SLOW, Backlog::Discard) {
                // It is closing already, and was to get the rest before.
                entry.outbox.shed_to(share);
            }
        }
    }

    /// Has those who hold the most drop broadcasts, down to what then all of them hold at most.
    fn trim(&self, holders: &[(Holding, &Arc<SocketEntry>)], share: usize, bytes: usize) {
        for alike in holders.chunk_by(|(one, _), (other, _)| one.is_blocked == other.is_blocked) {
            let surplus = self.counters.surplus(bytes);
            if surplus == 0 {
                return;
            }
            let level = level(alike.iter().map(|(holding, _)| holding.bytes), surplus).max(share);
            for (_, entry) in alike.iter().take_while(|(its, _)| its.bytes > level) {
                entry.outbox.shed_to(level);
            }
        }
    }
}

/// The height that is left when all that stand higher come down to it and so give up this much
/// together. The heights are in descending order.
fn level(heights: impl Iterator<Item = usize> + Clone, surplus: usize) -> usize {
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
    use std::io::{self, IoSlice};

    use super::*;
    use crate::{
        config::Config,
        frame::{COST_OF_KEEPING, Frame},
        hub::{Identity, Push, Registration, Transport, User, outbox::Kind},
        protocol::SocketMessage,
    };

    const FRAME: usize = 1_000;

    /// Takes all that is queued.
    struct Sink;

    impl Transport for Sink {
        fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            Ok(slices.iter().map(|slice| slice.len()).sum())
        }

        fn try_flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn hub(overflow: Overflow) -> Arc<Hub> {
        let config = Config::new()
            .max_queue_bytes(64 * FRAME)
            .max_hub_queue_bytes(80 * FRAME)
            .overflow(overflow);
        Arc::new(Hub::new(&config))
    }

    fn join(hub: &Arc<Hub>, group: &str) -> Registration {
        let ann = Identity::user("ann").group(group);
        let registration = hub.register(ann, User::Claimed);
        let registration = registration.expect("room in the hub");
        registration.list();
        registration
    }

    fn frame() -> Frame {
        Frame::text("x".repeat(FRAME - 4 - COST_OF_KEEPING).as_bytes())
    }

    fn fill(hub: &Hub, registration: &Registration, frames: usize) {
        for _ in 0..frames {
            let push = hub.queue(registration.entry(), &frame(), Kind::Broadcast).0;
            assert_eq!(push, Push::Queued);
        }
    }

    #[test]
    fn those_who_stand_highest_come_down_to_one_level() {
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
            let found = level(heights.iter().copied(), surplus);
            assert_eq!(found, expected, "{heights:?} less {surplus}");
            let given = heights.iter().map(|height| height.saturating_sub(found));
            assert!(given.sum::<usize>() >= surplus.min(heights.iter().sum()));
        }
    }

    #[test]
    fn the_slow_ones_pay_for_a_full_hub_and_a_quick_one_does_not() {
        for overflow in [Overflow::Close, Overflow::DropNewest, Overflow::DropOldest] {
            let hub = hub(overflow);
            let slow: Vec<_> = (0..3).map(|_| join(&hub, "slow")).collect();
            let quick = join(&hub, "quick");
            let begun = join(&hub, "quick");
            fill(&hub, &begun, 3);
            for number in 0..200 {
                for slow in &slow {
                    hub.queue(slow.entry(), &frame(), Kind::Broadcast);
                }
                // Two at once: the second one finds something in the queue.
                fill(&hub, &quick, 2);
                assert!(hub.stats().bytes_queued <= 80 * FRAME, "{number}");
                assert!(quick.outbox().drain(&mut Sink).is_ok());
            }
            assert_eq!(quick.outbox().undelivered(), 0, "{overflow:?}");
            // Nor does one that has little, and has not come to write it.
            assert_eq!(begun.outbox().undelivered(), 0, "{overflow:?}");
            let lost: u64 = slow.iter().map(|slow| slow.outbox().undelivered()).sum();
            assert!(lost > 0);
            assert_eq!(hub.stats().undelivered, lost);
            let left = if overflow == Overflow::Close { 2 } else { 5 };
            assert_eq!(hub.len(), left);
            let expected = (overflow == Overflow::Close).then_some(CloseReason::SLOW);
            assert!(slow.iter().all(|slow| slow.outbox().closing() == expected));
        }
    }

    #[test]
    fn those_who_hold_most_are_closed_and_others_stay() {
        let hub = hub(Overflow::Close);
        let large = join(&hub, "g");
        let medium = join(&hub, "g");
        let small = join(&hub, "g");
        fill(&hub, &large, 40);
        fill(&hub, &medium, 30);
        fill(&hub, &small, 10);
        fill(&hub, &small, 1);
        assert_eq!(large.outbox().closing(), Some(CloseReason::SLOW));
        assert_eq!(large.outbox().undelivered(), 40);
        assert_eq!(
            (medium.outbox().closing(), small.outbox().closing()),
            (None, None)
        );
        assert_eq!(hub.len(), 2);
    }

    #[test]
    fn whoever_is_known_to_be_blocked_pays_first() {
        struct Full;
        impl Transport for Full {
            fn try_write(&mut self, _: &[IoSlice<'_>]) -> io::Result<usize> {
                Err(io::ErrorKind::WouldBlock.into())
            }

            fn try_flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        let hub = hub(Overflow::DropOldest);
        let without_turn = join(&hub, "g");
        let blocked = join(&hub, "g");
        let _idle = join(&hub, "g");
        fill(&hub, &without_turn, 41);
        fill(&hub, &blocked, 39);
        assert!(blocked.outbox().drain(&mut Full).is_ok());
        fill(&hub, &without_turn, 1);
        assert_eq!(without_turn.outbox().undelivered(), 0);
        assert!(blocked.outbox().undelivered() >= 10);
    }

    #[test]
    fn each_socket_has_its_share_however_full_the_hub_is() {
        let hub = hub(Overflow::Close);
        let sockets: Vec<_> = (0..100).map(|_| join(&hub, "g")).collect();
        // One large message is taken by every empty queue, and nobody can make room.
        for socket in &sockets {
            fill(&hub, socket, 1);
        }
        assert!(hub.stats().bytes_queued > 80 * FRAME);
        let newcomer = join(&hub, "g");
        let short = Frame::text(&[b'x'; 240]);
        assert_eq!(
            hub.queue(newcomer.entry(), &short, Kind::Broadcast).0,
            Push::Queued
        );
        assert_eq!(
            hub.queue(newcomer.entry(), &short, Kind::Broadcast).0,
            Push::Queued
        );
        assert_eq!(
            hub.queue(newcomer.entry(), &short, Kind::Broadcast).0,
            Push::Overflow
        );
        assert_eq!(hub.len(), 100);
    }

    #[test]
    fn what_a_closing_socket_was_to_get_makes_room() {
        let hub = hub(Overflow::Close);
        let closing = join(&hub, "g");
        let open = join(&hub, "g");
        fill(&hub, &closing, 60);
        hub.close(closing.entry().id, &CloseReason::NORMAL);
        fill(&hub, &open, 30);
        assert_eq!(closing.outbox().closing(), Some(CloseReason::NORMAL));
        assert!(closing.outbox().undelivered() > 0);
        assert_eq!(open.outbox().undelivered(), 0);
    }

    #[test]
    fn a_broadcast_to_all_makes_room_before_it_sends_anybody_aside() {
        let hub = hub(Overflow::Close);
        let slow = join(&hub, "g");
        fill(&hub, &slow, 60);
        let quick = join(&hub, "g");
        let large = SocketMessage::new("x").text("x".repeat(30 * FRAME));
        assert_eq!(hub.broadcast(&large).queued, 1);
        assert_eq!(slow.outbox().closing(), Some(CloseReason::SLOW));
        assert_eq!(quick.outbox().closing(), None);
    }
}
