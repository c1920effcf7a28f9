use super::{
    Outbox, Push,
    state::{Kind, Phase, State, Wake},
};
use crate::{config::Overflow, frame::Frame, hub::stats::Tally, protocol::CloseReason};

/// What becomes of a message when the queue is full.
impl Outbox {
    /// Queues a message if it fits, or room for it can be made.
    pub(super) fn admit(
        &self,
        state: &mut State,
        frame: &Frame,
        kind: Kind,
        allowance: usize,
    ) -> (Push, Wake) {
        let cost = frame.cost();
        // What comes may always take the place of what was there.
        let bound = self.limit.min(allowance.max(state.bytes));
        if !fits(state.bytes, cost, bound) {
            // A queue that nobody has come to write yet is not that of a slow reader.
            self.write_now(state);
        }
        let makes_room = match self.overflow {
            Overflow::Close => false,
            Overflow::DropNewest => kind == Kind::Reply,
            Overflow::DropOldest => true,
        };
        let taken = if makes_room {
            state.firm()
        } else {
            state.bytes
        };
        if fits(taken, cost, bound) {
            self.counters.charge(cost);
            state.adopt(frame.clone(), kind);
            self.shed(state, bound);
            (Push::Queued, state.wake_if_idle())
        } else if kind == Kind::Broadcast && self.overflow != Overflow::Close {
            // What came out of the log a moment ago may have nobody who writes it.
            (Push::Dropped, state.wake_if_idle())
        } else {
            self.discard(state);
            (Push::Overflow, Wake::task(state.close(CloseReason::SLOW)))
        }
    }

    /// Drops whole broadcasts until the messages take no more than so many bytes, or one is left.
    pub(in crate::hub) fn shed_to(&self, bound: usize) {
        self.shed(&mut self.state(), bound);
    }

    /// What is queued, if that is more than so many bytes and than the one message that an empty
    /// queue takes. What nobody has come to write yet is written before that counts.
    pub(in crate::hub) fn holding(&self, share: usize) -> Option<Holding> {
        let mut state = self.state();
        if state.bytes > share && state.phase == Phase::Open {
            self.write_now(&mut state);
        }
        (state.bytes > share && state.holds_several()).then_some(Holding {
            is_blocked: state.is_blocked,
            bytes: state.bytes,
        })
    }

    fn shed(&self, state: &mut State, bound: usize) {
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

    /// Writes what the transport takes at once, where others than the socket's task may write.
    fn write_now(&self, state: &mut State) {
        if let Some(transport) = state.transport.take() {
            let mut tally = Tally::default();
            // What may be wrong the socket's own task finds out.
            let _outcome = state.write(&mut tally, |slices| transport.try_write(slices));
            state.transport = Some(transport);
            self.counters.record(tally);
        }
    }
}

/// What a queue holds; the first to give something up is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::hub) struct Holding {
    /// Whether it is known that the peer takes no more for now.
    pub(in crate::hub) is_blocked: bool,
    pub(in crate::hub) bytes: usize,
}

impl State {
    fn holds_several(&self) -> bool {
        let messages = self.queue.iter().filter(|queued| queued.kind.is_message());
        messages.take(2).count() == 2
    }

    /// Bytes of the messages that no policy drops: replies, and a broadcast that is half written.
    fn firm(&self) -> usize {
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
fn fits(others: usize, cost: usize, bound: usize) -> bool {
    others == 0 || others + cost <= bound
}
