//! The overflow of a queue: which message is refused or dropped to make room.

use super::{
    outbox::{Outbox, Push, wake},
    queued::Kind,
    state::{Phase, State, Wake},
};
use crate::{config::Overflow, frame::Frame, hub::counters::Tally, protocol::CloseReason};

impl Outbox {
    /// Queues a message if it fits, or if room for it can be made.
    pub(super) fn admit(
        &self,
        state: &mut State,
        frame: &Frame,
        kind: Kind,
        reserved: usize,
    ) -> (Push, Option<Wake>) {
        let cost = frame.cost();
        // A message may always take the place of those before it.
        let bound = self.limit.min(reserved.max(state.bytes));
        if !fits(state.bytes, cost, bound) {
            // A queue that has had no turn yet does not belong to a slow reader.
            self.write_now(state);
        }
        let makes_room = match self.overflow {
            Overflow::Close => false,
            Overflow::DropNewest => kind == Kind::Reply,
            Overflow::DropOldest => true,
        };
        let taken = if makes_room {
            state.undroppable()
        } else {
            state.bytes
        };
        if fits(taken, cost, bound) {
            self.counters.charge(cost);
            state.enqueue(frame.clone(), kind);
            self.drop_broadcasts(state, bound);
            (Push::Queued, state.wake_if_idle())
        } else if kind == Kind::Broadcast && self.overflow != Overflow::Close {
            // What came out of the log a moment ago may have woken no task yet.
            (Push::Dropped, state.wake_if_idle())
        } else {
            self.discard(state);
            let waker = state.close(CloseReason::SLOW);
            (Push::Overflow, waker.map(Wake::Task))
        }
    }

    /// Drops whole broadcasts until the messages take at most so many bytes, or one is left.
    pub(in crate::hub) fn drop_broadcasts_to(&self, bound: usize) {
        self.drop_broadcasts(&mut self.state(), bound);
    }

    /// Returns what is queued if it is more than this share and more than the one message that an
    /// empty queue takes. Writes first what has had no turn to be written, and opens a gate behind
    /// which more waits than the share.
    pub(in crate::hub) fn usage(&self, share: usize) -> Option<Usage> {
        let mut state = self.state();
        let mut waker = None;
        if state.held_back() > share {
            self.give_up(&mut state);
            state.idle = false;
            waker = state.waker.take();
        }
        if state.bytes > share && matches!(state.phase, Phase::Open) {
            self.write_now(&mut state);
        }
        let usage = (state.bytes > share && state.holds_several()).then_some(Usage {
            is_blocked: state.is_blocked,
            bytes: state.bytes,
        });
        drop(state);
        wake(waker);
        usage
    }

    fn drop_broadcasts(&self, state: &mut State, bound: usize) {
        while state.bytes > bound {
            let droppable = match self.overflow {
                Overflow::DropOldest => state.oldest_whole_broadcast(),
                Overflow::DropNewest | Overflow::Close => state.newest_whole_broadcast(),
            };
            match droppable {
                Some(index) if state.queue[index].frame.cost() < state.bytes => {
                    self.counters.release(state.queue[index].frame.cost());
                    self.lose(state);
                    state.remove(index);
                }
                _ => break,
            }
        }
    }

    /// Writes what the transport takes at once, if others than the socket's task may write to it.
    fn write_now(&self, state: &mut State) {
        let mut tally = Tally::default();
        // The socket's own task finds out what may be wrong.
        let _outcome = state.write_shared(&mut tally);
        self.counters.record(tally);
    }
}

/// What a queue holds; the greatest is the first to give something up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::hub) struct Usage {
    /// Whether the transport is known to take no more for now.
    pub(in crate::hub) is_blocked: bool,
    pub(in crate::hub) bytes: usize,
}

impl State {
    fn holds_several(&self) -> bool {
        let messages = self.queue.iter().filter(|queued| queued.kind.is_message());
        messages.take(2).count() == 2
    }

    /// Bytes of the messages that no policy drops: replies, and a half-written broadcast.
    fn undroppable(&self) -> usize {
        match self.queue.front() {
            Some(head) if self.written > 0 && head.kind == Kind::Broadcast => {
                self.replies + head.frame.cost()
            }
            _ => self.replies,
        }
    }

    fn oldest_whole_broadcast(&self) -> Option<usize> {
        let begun = usize::from(self.written > 0);
        let mut whole = self.queue.iter().skip(begun);
        whole
            .position(|queued| queued.kind == Kind::Broadcast)
            .map(|index| begun + index)
    }

    fn newest_whole_broadcast(&self) -> Option<usize> {
        let begun = usize::from(self.written > 0);
        let newest = self
            .queue
            .iter()
            .rposition(|queued| queued.kind == Kind::Broadcast)?;
        (newest >= begun).then_some(newest)
    }
}

/// Whether a message that costs so much may join others. An empty queue takes any one message.
pub(super) fn fits(others: usize, cost: usize, bound: usize) -> bool {
    others == 0 || others + cost <= bound
}
