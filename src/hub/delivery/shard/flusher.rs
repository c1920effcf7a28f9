//! Writing: the task that writes for the sockets of a shard, and the publishers that help it.

use std::{mem, sync::Arc};

use tokio::task::yield_now;

use super::{
    pass::{BYTES_PER_TURN, SOCKETS_PER_TURN},
    shard::{Member, Shard},
};
use crate::hub::{
    counters::Tally,
    delivery::{broadcast_log::Batch, queue::Drained},
};

/// The flusher's task, begun or not. However it ends, its shard learns of it.
pub(super) struct Flusher<M: Member> {
    shard: Arc<Shard<M>>,
    has_ended: bool,
}

impl<M: Member> Flusher<M> {
    pub(super) fn new(shard: Arc<Shard<M>>) -> Self {
        Self {
            shard,
            has_ended: false,
        }
    }

    /// Writes for the shard's sockets until there are none.
    pub(super) async fn run(mut self) {
        let shard = self.shard.clone();
        let mut dirty = Vec::new();
        loop {
            shard.work.notified().await;
            shard.gather().await;
            let batch = {
                let mut state = shard.state.lock();
                mem::swap(&mut state.dirty, &mut dirty);
                if state.sockets == 0 {
                    // The last sockets may have gone before what was for them was written.
                    let bytes = state.clear_log();
                    if bytes == 0 {
                        state.is_running = false;
                        self.has_ended = true;
                        return;
                    }
                    drop(state);
                    dirty.clear();
                    shard.counters.release(bytes);
                    // A socket may have come meanwhile.
                    shard.wake();
                    continue;
                }
                state.pass().cloned()
            };
            if let Some(batch) = batch {
                shard.write_pass(&batch).await;
            }
            shard.write_queues(&mut dirty).await;
        }
    }
}

/// The task is dropped with its runtime.
impl<M: Member> Drop for Flusher<M> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.shard.state.lock().is_running = false;
            self.shard.detach_all();
            let mut state = self.shard.state.lock();
            let bytes = state.clear_log();
            let dirty = mem::take(&mut state.dirty);
            drop(state);
            drop(dirty);
            self.shard.counters.release(bytes);
        }
    }
}

impl<M: Member> Shard<M> {
    /// Writes in a publisher's place while the log is full: as much as a frame of this cost means for
    /// all attached sockets. So a publisher that is faster than the flusher pays for what it says, and
    /// the log stays within its bound. To be called without a lock.
    pub(in crate::hub) fn help(&self, cost: usize) {
        let mut members = Vec::new();
        let mut owed = None;
        loop {
            let batch = {
                let mut state = self.state.lock();
                if !self.is_full(&state) {
                    return;
                }
                let owed = owed.get_or_insert_with(|| {
                    // If the hub is full, nothing is to be left.
                    let is_hub_full = self.counters.is_full(0);
                    let each = if is_hub_full { state.log.bytes() } else { cost };
                    each.saturating_mul(state.attached.len())
                });
                state.pass();
                let batch = if *owed > 0 {
                    state.begin_turn(&mut members)
                } else {
                    None
                };
                if let Some(batch) = &batch {
                    *owed = owed.saturating_sub(batch.bytes().len() * members.len());
                }
                batch
            };
            match batch {
                Some(batch) => self.write_turn(&batch, &mut members),
                None => return self.end_pass(),
            }
        }
    }

    /// Gives publishers that have more to say the time to say it, so that it leaves in the same calls.
    /// With one message in flight that is one turn of the scheduler, which the pass costs anyway.
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

    /// Writes a batch, in turns, to all attached sockets.
    async fn write_pass(&self, batch: &Arc<Batch>) {
        let mut members = Vec::new();
        loop {
            let turn = {
                let mut state = self.state.lock();
                let pass = state.pass.as_ref();
                if !pass.is_some_and(|pass| Arc::ptr_eq(pass.batch(), batch)) {
                    return;
                }
                state.begin_turn(&mut members)
            };
            match turn {
                Some(_) => self.write_turn(batch, &mut members),
                None => return self.end_pass(),
            }
            yield_now().await;
        }
    }

    fn write_turn(&self, batch: &Arc<Batch>, members: &mut Vec<Arc<M>>) {
        let turn = Turn { shard: self, batch };
        let mut tally = Tally::default();
        let mut blocked = Vec::new();
        for member in members.drain(..) {
            if member.outbox().write_batch(batch, &mut tally) == Drained::Blocked {
                blocked.push(member);
            }
        }
        self.counters.record(tally);
        blocked.iter().for_each(|member| self.detach(member));
        drop(turn);
    }

    /// Writes sockets' own queues, in turns.
    async fn write_queues(&self, members: &mut Vec<Arc<M>>) {
        let (mut tally, mut sockets) = (Tally::default(), 0);
        for member in members.drain(..) {
            if member.outbox().flush(&mut tally) == Drained::Reattach {
                self.attach(&member);
            }
            sockets += 1;
            if sockets == SOCKETS_PER_TURN || tally.cost > BYTES_PER_TURN {
                self.counters.record(mem::take(&mut tally));
                sockets = 0;
                yield_now().await;
            }
        }
        self.counters.record(tally);
    }
}

impl<M> Shard<M> {
    /// Ends the pass if each attached socket has its batch, and has the flusher write what came since.
    fn end_pass(&self) {
        let mut state = self.state.lock();
        let Some(bytes) = state.end_pass() else {
            return;
        };
        let has_more = !state.log.is_empty();
        drop(state);
        if has_more {
            self.wake();
        }
        self.counters.release(bytes);
    }
}

/// A turn that is being written. It ends however that goes, and with the last one the pass.
struct Turn<'a, M> {
    shard: &'a Shard<M>,
    batch: &'a Arc<Batch>,
}

impl<M> Drop for Turn<'_, M> {
    fn drop(&mut self) {
        let mut state = self.shard.state.lock();
        let pass = state.pass.as_mut();
        let Some(pass) = pass.filter(|pass| Arc::ptr_eq(pass.batch(), self.batch)) else {
            return;
        };
        pass.end_turn();
        drop(state);
        self.shard.end_pass();
    }
}

/// Turns of the scheduler that a pass waits at most while broadcasts keep coming.
pub(in crate::hub) const TURNS_TO_GATHER: usize = 8;
