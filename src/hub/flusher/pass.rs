//! One walk over a shard's followers, which the flusher and publishers share.

use std::sync::Arc;

use tokio::task::yield_now;

use super::{BYTES_PER_TURN, SOCKETS_PER_TURN, Shard, State};
use crate::hub::{SocketEntry, log::Batch, outbox::Follow, stats::Tally};

/// A walk over a shard's followers that gives each of them what it lacks of a batch.
///
/// The flusher and publishers take turns at it, several at a time, and hold no lock of the shard
/// while they write. It goes downwards: a follower that leaves is replaced by the last one, which
/// then stands either where the walk still comes by, or, visited already, where a second visit does
/// nothing. A socket that begins to follow meanwhile lacks nothing of the batch.
#[derive(Debug)]
pub(super) struct Pass {
    batch: Arc<Batch>,
    /// Followers below this index are still to be visited.
    above: usize,
    /// Turns that are being written.
    turns: usize,
}

impl Shard {
    /// Whether the log is so long that publishers have to write themselves. While a pass is under
    /// way, up to as much again comes in. One message is never too much.
    pub(super) fn is_full(&self, state: &State) -> bool {
        let is_long = state.log.bytes() > self.limit / 2;
        state.log.len() > 1 && (is_long || self.counters.is_full(0))
    }

    /// Writes a batch, in turns, to all who follow.
    pub(super) async fn write_pass(&self, batch: &Arc<Batch>) {
        let mut entries = Vec::new();
        loop {
            let turn = {
                let mut state = self.state.lock();
                let pass = state.pass.as_ref();
                if !pass.is_some_and(|pass| Arc::ptr_eq(&pass.batch, batch)) {
                    return;
                }
                state.next_turn(&mut entries)
            };
            match turn {
                Some(_) => self.write_turn(batch, &mut entries),
                None => return self.end_pass(),
            }
            yield_now().await;
        }
    }

    /// Writes in a publisher's place, where the log is full: as much as a frame of this cost means
    /// for all followers. So a publisher that is faster than the flusher pays for what it says, and
    /// the log stays within its bound.
    pub(super) fn help(&self, cost: usize) {
        let mut entries = Vec::new();
        let mut owed = None;
        loop {
            let batch = {
                let mut state = self.state.lock();
                if !self.is_full(&state) {
                    return;
                }
                let owed = owed.get_or_insert_with(|| {
                    // Where the hub is full, nothing is to be left.
                    let is_hub_full = self.counters.is_full(0);
                    let each = if is_hub_full { state.log.bytes() } else { cost };
                    each.saturating_mul(state.followers.len())
                });
                state.pass();
                let batch = if *owed > 0 {
                    state.next_turn(&mut entries)
                } else {
                    None
                };
                if let Some(batch) = &batch {
                    *owed = owed.saturating_sub(batch.bytes().len() * entries.len());
                }
                batch
            };
            match batch {
                Some(batch) => self.write_turn(&batch, &mut entries),
                None => return self.end_pass(),
            }
        }
    }

    fn write_turn(&self, batch: &Arc<Batch>, entries: &mut Vec<Arc<SocketEntry>>) {
        let turn = Turn { shard: self, batch };
        let mut tally = Tally::default();
        let mut blocked = Vec::new();
        for entry in entries.drain(..) {
            if let Follow::Blocked(waker) = entry.outbox.write_batch(batch, &mut tally) {
                blocked.push((entry, waker));
            }
        }
        self.counters.record(tally);
        self.step_aside(blocked);
        drop(turn);
    }

    /// Ends the pass if every follower has its batch, and has the flusher write what came since.
    fn end_pass(&self) {
        let mut state = self.state.lock();
        let over = state.end_pass();
        if over.is_some() && !state.log.is_empty() {
            self.work.notify_one();
        }
        drop(state);
        self.counters.release(over.unwrap_or(0));
    }
}

impl State {
    /// The batch of the pass that is under way, which begins where there is something to write.
    pub(super) fn pass(&mut self) -> Option<&Arc<Batch>> {
        if self.pass.is_none() && !self.log.is_empty() {
            self.pass = Some(Pass {
                batch: Arc::new(self.log.batch()),
                above: self.followers.len(),
                turns: 0,
            });
        }
        self.pass.as_ref().map(|pass| &pass.batch)
    }

    /// Adds the followers that are next to `peers`; `None` if none is left to visit.
    fn next_turn(&mut self, entries: &mut Vec<Arc<SocketEntry>>) -> Option<Arc<Batch>> {
        let pass = self.pass.as_mut()?;
        let above = pass.above.min(self.followers.len());
        if above == 0 {
            return None;
        }
        let most = BYTES_PER_TURN / pass.batch.bytes().len().max(1);
        let below = above.saturating_sub(most.clamp(1, SOCKETS_PER_TURN));
        let next = (below..above).rev();
        entries.extend(next.filter_map(|index| Some(self.followers.get_index(index)?.1.clone())));
        pass.above = below;
        pass.turns += 1;
        Some(pass.batch.clone())
    }

    /// Forgets the pass if it is over, and tells how many bytes that takes out of the log.
    fn end_pass(&mut self) -> Option<usize> {
        let is_empty = self.followers.is_empty();
        let is_over = |pass: &mut Pass| pass.turns == 0 && (pass.above == 0 || is_empty);
        let over = self.pass.take_if(is_over)?;
        Some(self.log.trim(&over.batch))
    }
}

/// A turn that is being written. It ends however that goes, and with the last one the pass.
struct Turn<'a> {
    shard: &'a Shard,
    batch: &'a Arc<Batch>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.shard.state.lock();
        let pass = state.pass.as_mut();
        let Some(pass) = pass.filter(|pass| Arc::ptr_eq(&pass.batch, self.batch)) else {
            return;
        };
        pass.turns -= 1;
        drop(state);
        self.shard.end_pass();
    }
}
