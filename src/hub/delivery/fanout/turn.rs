//! One turn of the walk that gives each attached socket the batch: what is visited, and what follows.

use std::{ops::Range, sync::Arc};

use tokio::time::{Duration, Instant};

use super::{
    fanout::{Fanout, State},
    member::Member,
    row::Attached,
};
use crate::hub::{
    counters::Tally,
    delivery::{batch::Batch, queue::Drained},
};

/// A turn that is being written, by a flusher or a publisher, without a lock that sockets share. It
/// ends however that goes, and with the last one the batch.
///
/// It never waits, so neither does the next batch wait for long, which begins when no turn is left.
pub(super) struct Turn<'a, M: Member> {
    fanout: &'a Fanout<M>,
    batch: Option<Arc<Batch>>,
    row: usize,
    sockets: Option<Arc<Attached<M>>>,
    visited: Range<usize>,
}

impl<M: Member> Turn<'_, M> {
    pub(super) fn row(&self) -> usize {
        self.row
    }

    /// Writes what the sockets of this turn lack. Those that take no more are detached.
    pub(super) fn write(mut self) {
        let (Some(batch), Some(sockets)) = (&self.batch, self.sockets.take()) else {
            return;
        };
        let mut tally = Tally::default();
        let mut blocked = Vec::new();
        for member in sockets[self.visited.clone()].values().rev() {
            if member.outbox().write_batch(batch, &mut tally) == Drained::Blocked {
                blocked.push(member.clone());
            }
        }
        drop(sockets);
        self.fanout.counters.record(tally);
        blocked.iter().for_each(|member| self.fanout.detach(member));
    }
}

impl<M: Member> Drop for Turn<'_, M> {
    fn drop(&mut self) {
        self.sockets = None;
        let mut state = self.fanout.lock();
        let ended = state.end_turn(self.row);
        drop(state);
        // Outside of the lock, since the last one that has a batch releases its charge.
        drop((ended, self.batch.take()));
    }
}

impl<M: Member> Fanout<M> {
    /// Begins a turn at a row from this one on.
    pub(super) fn begin_turn(&self, state: &mut State<M>, from: usize) -> Option<Turn<'_, M>> {
        let (row, sockets, visited) = state.begin_turn(from)?;
        Some(Turn {
            fanout: self,
            batch: state.log.batch().cloned(),
            row,
            sockets: Some(sockets),
            visited,
        })
    }

    /// Writes in a publisher's place while the log is full: as much as a frame of this cost means for
    /// all attached sockets, and for no more than [`MOST_HELP`]. So a publisher that is faster than the
    /// flushers pays for what it says. To be called without a lock.
    pub(in crate::hub) fn help(&self, cost: usize) {
        let (mut owed, mut until) = (None, None);
        while let Some(turn) = self.turn_of_help(&mut owed, cost) {
            let until = *until.get_or_insert_with(|| Instant::now() + MOST_HELP);
            turn.write();
            if Instant::now() >= until {
                break;
            }
        }
        if owed.is_some() {
            // Flushers that found all turns taken wait; and the last of them may have ended.
            let crews = self.lock().crews();
            crews.iter().for_each(|crew| crew.wake());
            self.clear();
        }
    }

    fn turn_of_help(&self, owed: &mut Option<usize>, cost: usize) -> Option<Turn<'_, M>> {
        let mut state = self.lock();
        if !self.is_full(&state) {
            return None;
        }
        let owed = owed.get_or_insert_with(|| {
            // If the hub is full, nothing is to be left.
            let is_hub_full = self.counters.is_full(0);
            let each = if is_hub_full { state.log.cost() } else { cost };
            each.saturating_mul(state.attached)
        });
        if *owed == 0 {
            return None;
        }
        state.begin_batch();
        let turn = self.begin_turn(&mut state, 0)?;
        let written = turn.batch.as_ref().map_or(0, |batch| batch.cost());
        *owed = owed.saturating_sub(written.saturating_mul(turn.visited.len()));
        Some(turn)
    }
}

impl<M: Member> State<M> {
    /// Has the next batch written, if there is something to write and none is being written. Returns
    /// in how many rows.
    pub(super) fn begin_batch(&mut self) -> usize {
        if !self.log.close_batch() {
            return 0;
        }
        let messages = self.log.batch().map_or(0, |batch| batch.len());
        self.hold.batch_begins(messages, self.log.end());
        self.crews.iter().for_each(|crew| crew.expect_none());
        for row in &mut self.rows {
            self.rows_left += usize::from(row.begin());
        }
        self.rows_left
    }

    /// Begins a turn at a row from this one on, and returns the row, its sockets, and which of them are
    /// to be visited.
    fn begin_turn(&mut self, from: usize) -> Option<(usize, Arc<Attached<M>>, Range<usize>)> {
        if self.rows_left == 0 {
            return None;
        }
        let cost = self.log.batch()?.cost();
        let rows = self.rows.len();
        (from..from + rows).find_map(|number| {
            let number = number % rows;
            let (sockets, visited) = self.rows[number].begin_turn(cost)?;
            Some((number, sockets, visited))
        })
    }

    /// Ends all that is in the log, but for the turns that are in some thread's hand. What is returned is
    /// to be dropped without the lock.
    pub(super) fn clear_log(&mut self) -> Vec<Arc<Batch>> {
        for row in &mut self.rows {
            self.rows_left -= usize::from(row.skip());
        }
        let mut ended = self.release_kept();
        loop {
            self.log.close_batch();
            match self.end_batch() {
                Some(batch) => ended.push(batch),
                None => return ended,
            }
        }
    }

    /// Ends a turn, and with the last one the batch, which is to be dropped without the lock.
    fn end_turn(&mut self, row: usize) -> Option<Arc<Batch>> {
        self.rows_left -= usize::from(self.rows[row].end_turn());
        self.end_batch()
    }

    /// Ends the batch if no socket is left to visit. It is to be dropped without the lock.
    pub(super) fn end_batch(&mut self) -> Option<Arc<Batch>> {
        if self.rows_left > 0 {
            return None;
        }
        let ended = self.log.end_batch()?;
        self.hold.batch_ends(self.log.has_open(), self.log.end());
        if self.is_awaited() {
            self.log.keep(ended.clone());
        }
        Some(ended)
    }
}

/// How long a broadcast writes for others, beside the turn that it is in then.
const MOST_HELP: Duration = Duration::from_millis(10);
