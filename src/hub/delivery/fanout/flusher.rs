//! The task that writes for sockets: the log in turns, and sockets' own queues.

use std::{future::poll_fn, mem, sync::Arc, task::Poll};

use tokio::{
    task::yield_now,
    time::{Instant, timeout_at},
};

use super::{
    crew::Crew,
    fanout::{Fanout, State},
    hold::Hold,
    member::Member,
    row::{BYTES_PER_TURN, SOCKETS_PER_ROW},
    turn::Turn,
};
use crate::hub::{
    counters::Tally,
    delivery::{batch::Batch, queue::Drained},
};

/// A flusher's task, begun or not. However it ends, the fan-out learns of it.
///
/// Each flusher may write for any socket. It begins at its own part of the rows, so that the same
/// thread comes to the same sockets again and again, and then takes what others have left: so one that
/// is late delays none but the sockets in its hand, and it never waits with those.
pub(super) struct Flusher<M: Member> {
    fanout: Arc<Fanout<M>>,
    crew: Arc<Crew>,
    is_counted: bool,
    /// Which of the flushers this is, from 0 on.
    number: usize,
    /// Where it looks for its next turn.
    row: usize,
    /// The end of the batch that it had its last turn of.
    batch: u64,
    /// The last hold that it has come to.
    hold: u64,
    /// Sockets whose queues it writes.
    queues: Vec<Arc<M>>,
    /// Whether its last step was one of queues.
    wrote_queues: bool,
}

impl<M: Member> Flusher<M> {
    /// Makes a flusher, which counts as running from now on, if the crew is short of one.
    pub(super) fn new(fanout: &Arc<Fanout<M>>, crew: &Arc<Crew>) -> Option<Self> {
        let state = fanout.lock();
        if !crew.is_short() {
            return None;
        }
        let number = state.flushers();
        crew.add_flusher();
        drop(state);
        Some(Self {
            fanout: fanout.clone(),
            crew: crew.clone(),
            is_counted: true,
            number,
            row: 0,
            batch: 0,
            hold: 0,
            queues: Vec::new(),
            wrote_queues: false,
        })
    }

    /// Writes for the sockets until its runtime has none.
    pub(super) async fn run(mut self) {
        let fanout = self.fanout.clone();
        loop {
            match self.next_step(&fanout) {
                Step::Turn(turn) => turn.write(),
                Step::Queues => fanout.write_queues(&mut self.queues).await,
                Step::Gather => {
                    fanout.gather().await;
                    fanout.begin_batch();
                    continue;
                }
                Step::Hold(until) => {
                    // It is over as well if something else is to be done.
                    let _over = timeout_at(until, self.crew.work.notified()).await;
                    continue;
                }
                Step::Wait => {
                    self.crew.work.notified().await;
                    continue;
                }
                Step::Clear(batches) => drop(batches),
                Step::End(rest) => return self.hand_over(&rest),
            }
            if fanout.lock().has_writes() {
                give_way().await;
            }
        }
    }

    /// Returns what to do next. Sockets' own queues and the log take turns, so that neither waits until
    /// the other is quiet.
    fn next_step<'a>(&mut self, fanout: &'a Fanout<M>) -> Step<'a, M> {
        let mut state = fanout.lock();
        if !self.crew.has_sockets() {
            if state.flushers() == 1 && state.attached == 0 && !state.log.is_empty() {
                // The last sockets may have gone before what was for them was written.
                return Step::Clear(state.clear_log());
            }
            return Step::End(self.leave(&mut state));
        }
        let wrote_queues = mem::take(&mut self.wrote_queues);
        if !wrote_queues && self.take_queues(&mut state) {
            return Step::Queues;
        }
        let Some(batch) = state.log.batch() else {
            return if state.log.has_open() {
                self.come_to(&state.hold, state.log.end())
            } else if self.take_queues(&mut state) {
                Step::Queues
            } else {
                Step::Wait
            };
        };
        if self.batch != batch.end() {
            self.batch = batch.end();
            self.row = self.number * state.rows.len() / state.flushers();
        }
        match fanout.begin_turn(&mut state, self.row) {
            Some(turn) => {
                self.row = turn.row();
                Step::Turn(turn)
            }
            None if self.take_queues(&mut state) => Step::Queues,
            // Others have all turns. The last of them goes on from there.
            None => Step::Wait,
        }
    }

    /// Takes some sockets whose queues are to be written. Returns whether there are any.
    fn take_queues(&mut self, state: &mut State<M>) -> bool {
        let taken = state.dirty.len().min(SOCKETS_PER_ROW);
        self.queues.extend(state.dirty.drain(..taken));
        self.wrote_queues = taken > 0;
        self.wrote_queues
    }
}

impl<M: Member> Flusher<M> {
    /// Returns what to do about messages that wait for the next batch.
    fn come_to<'a>(&mut self, hold: &Hold, end: u64) -> Step<'a, M> {
        if self.hold != hold.number {
            self.hold = hold.number;
            self.crew.has_come();
        }
        match hold.until(end, self.crew.is_expected()) {
            Some(until) => Step::Hold(until),
            None => Step::Gather,
        }
    }
}

impl<M: Member> Flusher<M> {
    /// Counts no more as running.
    fn leave(&mut self, state: &mut State<M>) -> Rest {
        self.is_counted = false;
        self.crew.remove_flusher();
        state.forget_idle_crews();
        Rest {
            crews: state.crews(),
            is_for_none: !state.has_flushers() && state.has_work(),
        }
    }

    /// Has others do what it leaves, to be called without a lock.
    fn hand_over(&mut self, rest: &Rest) {
        rest.crews.iter().for_each(|crew| crew.wake());
        let queues = self.queues.drain(..);
        queues.for_each(|member| member.outbox().wake());
        if rest.is_for_none {
            self.fanout.detach_all();
            self.fanout.clear();
        }
    }
}

/// The task may be dropped with its runtime.
impl<M: Member> Drop for Flusher<M> {
    fn drop(&mut self) {
        if self.is_counted {
            let fanout = self.fanout.clone();
            let rest = self.leave(&mut fanout.lock());
            self.hand_over(&rest);
        }
    }
}

/// What a flusher leaves.
struct Rest {
    crews: Vec<Arc<Crew>>,
    /// Whether there is something that no flusher is left to do.
    is_for_none: bool,
}

/// What a flusher does next.
enum Step<'a, M: Member> {
    /// Write to some of the attached sockets.
    Turn(Turn<'a, M>),
    /// Write some sockets' own queues.
    Queues,
    /// Begin the next batch, once publishers had the time to say more.
    Gather,
    /// Nothing until then, or until it is woken.
    Hold(Instant),
    /// Nothing, until it is woken.
    Wait,
    /// Drop what no socket is left to take.
    Clear(Vec<Arc<Batch>>),
    /// Nothing any more, but hand over the rest.
    End(Rest),
}

impl<M: Member> Fanout<M> {
    /// Gives publishers that have more to say the time to say it, so that it leaves in the same calls.
    /// With one message in flight that is one turn of the scheduler, which the walk costs anyway.
    async fn gather(&self) {
        let mut published = self.counters.published();
        for _ in 0..TURNS_TO_GATHER {
            yield_now().await;
            let now = self.counters.published();
            if now == published {
                return;
            }
            published = now;
        }
    }

    /// Begins the next batch, and wakes as many flushers as can have a turn.
    fn begin_batch(&self) {
        let mut state = self.lock();
        let (rows, ended) = state.begin_batch();
        let crews = if rows > 1 { state.crews() } else { Vec::new() };
        drop(state);
        drop(ended);
        for crew in crews {
            crew.wake_up_to(rows - 1);
        }
    }

    /// Writes sockets' own queues, in turns.
    async fn write_queues(&self, members: &mut Vec<Arc<M>>) {
        let mut tally = Tally::default();
        while let Some(member) = members.pop() {
            if member.outbox().flush(&mut tally) == Drained::Reattach {
                self.attach(&member);
            }
            if tally.cost > BYTES_PER_TURN {
                self.counters.record(mem::take(&mut tally));
                give_way().await;
            }
        }
        self.counters.record(tally);
    }
}

/// Lets other tasks have their turn. Unlike one that tokio's `yield_now` puts off, the task can be taken
/// over by another thread meanwhile, should one of those tasks block this thread.
async fn give_way() {
    let mut has_given_way = false;
    poll_fn(|context| {
        if mem::replace(&mut has_given_way, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Turns of the scheduler that a batch waits at most while broadcasts keep coming.
pub(in crate::hub) const TURNS_TO_GATHER: usize = 8;
