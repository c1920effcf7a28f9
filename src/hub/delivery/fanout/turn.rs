//! One turn of the walk that gives each attached socket the batch: what is visited, and what follows.

use std::{ops::Range, sync::Arc};

use tokio::time::{Duration, Instant};

use super::{
    fanout::{Fanout, State},
    member::Member,
    row::Attached,
};
use crate::{
    hub::{
        counters::Tally,
        delivery::{batch::Batch, queue::Drained},
    },
    sync,
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
            // Before the write: one that panics costs its own socket, and the rest are still to be visited.
            self.visited.end -= 1;
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
        let ended = state.end_turn(self.row, self.visited.len());
        // The flusher that comes to the next batch may be on a thread that something else holds up.
        let crews = if ended.is_some() && state.log.has_open() {
            state.crews()
        } else {
            Vec::new()
        };
        drop(state);
        // Outside of the lock, since the last one that has a batch releases its charge.
        drop((ended, self.batch.take()));
        crews.iter().for_each(|crew| crew.wake_up_to(1));
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
    /// all attached sockets, for no more than [`MOST_HELP`]; and until the log has room for the frame,
    /// for no more than [`MOST_ROOM`]. So a publisher that is faster than the flushers pays for what it
    /// says. To be called without a lock.
    pub(in crate::hub) fn help(&self, cost: usize) {
        let (mut owed, mut begun) = (None, None);
        loop {
            let help = self.next_help(&mut owed, cost);
            if let Help::None = help {
                break;
            }
            let begun = *begun.get_or_insert_with(Instant::now);
            let most = match help {
                Help::Turn(turn, is_for_room) => {
                    turn.write();
                    if is_for_room { MOST_ROOM } else { MOST_HELP }
                }
                // Each of them is in the hand of a thread that never waits.
                _ => {
                    sync::yield_thread();
                    MOST_ROOM
                }
            };
            if begun.elapsed() >= most {
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

    fn next_help(&self, owed: &mut Option<usize>, cost: usize) -> Help<'_, M> {
        let mut state = self.lock();
        let is_for_room = !self.has_room(&state, cost);
        if !is_for_room && !self.is_full(&state) {
            return Help::None;
        }
        let owed = owed.get_or_insert_with(|| {
            // If the hub is full, nothing is to be left.
            let is_hub_full = self.counters.is_full(0);
            let each = if is_hub_full { state.log.cost() } else { cost };
            each.saturating_mul(state.attached)
        });
        if *owed == 0 && !is_for_room {
            return Help::None;
        }
        let (_, ended) = state.begin_batch();
        let turn = self.begin_turn(&mut state, 0);
        let is_over = state.log.batch().is_none();
        drop(state);
        drop(ended);
        match turn {
            Some(turn) => {
                let written = turn.batch.as_ref().map_or(0, |batch| batch.cost());
                *owed = owed.saturating_sub(written.saturating_mul(turn.visited.len()));
                Help::Turn(turn, is_for_room)
            }
            None if is_for_room && !is_over => Help::Turns,
            None => Help::None,
        }
    }
}

impl<M: Member> State<M> {
    /// Has the next batch written, if there is something to write and none is being written. Returns
    /// in how many rows, and the batch if that is none, since no turn would end it; it is to be dropped
    /// without the lock.
    pub(super) fn begin_batch(&mut self) -> (usize, Option<Arc<Batch>>) {
        if !self.log.close_batch() {
            return (0, None);
        }
        let messages = self.log.batch().map_or(0, |batch| batch.len());
        self.hold.batch_begins(messages, self.log.end());
        self.crews.iter().for_each(|crew| crew.expect_none());
        for row in &mut self.rows {
            self.rows_left += usize::from(row.begin());
        }
        (self.rows_left, self.end_batch())
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

    /// Ends a turn that has left so many of its sockets, and with the last one the batch, which is to be
    /// dropped without the lock.
    fn end_turn(&mut self, row: usize, left: usize) -> Option<Arc<Batch>> {
        self.rows_left -= usize::from(self.rows[row].end_turn(left));
        self.end_batch()
    }

    /// Ends the batch if no socket is left to visit. It is to be dropped without the lock.
    fn end_batch(&mut self) -> Option<Arc<Batch>> {
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

/// What a publisher can do about a full log.
enum Help<'a, M: Member> {
    /// Write a turn; the log may have no room for the message otherwise.
    Turn(Turn<'a, M>, bool),
    /// Let the turns that others write come to their ends.
    Turns,
    /// Nothing, or nothing any more.
    None,
}

/// How long a broadcast writes for others, beside the turn that it is in then.
const MOST_HELP: Duration = Duration::from_millis(10);

/// The same if the message would be dropped otherwise.
const MOST_ROOM: Duration = Duration::from_millis(100);
