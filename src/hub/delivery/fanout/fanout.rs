//! The fan-out: which sockets take broadcasts to all from the log, and what each is handed.

use std::{mem, sync::Arc};

use indexmap::IndexMap;

use super::{
    crew::Crew,
    hold::Hold,
    member::Member,
    row::{Row, SOCKETS_PER_ROW},
};
use crate::{
    frame::Frame,
    hub::{
        counters::Counters,
        delivery::{
            batch::Batch,
            broadcast_log::BroadcastLog,
            queue::{Kind, Push, Wake},
        },
    },
    protocol::ConnectionId,
    sync::{Mutex, MutexGuard},
};

/// The active sockets of a hub, the log that they take broadcasts to all from, and the flushers that
/// write it.
///
/// There is one log, and all flushers write the same batch of it: what is broadcast meanwhile is the
/// next batch for every socket.
#[derive(Debug)]
pub(in crate::hub) struct Fanout<M> {
    state: Mutex<State<M>>,
    pub(super) counters: Arc<Counters>,
    /// The bytes that may wait in the log, which is what one socket's queue may hold.
    limit: usize,
}

#[derive(Debug)]
pub(super) struct State<M> {
    /// Broadcasts to all that are not written yet.
    pub(super) log: BroadcastLog,
    pub(super) hold: Hold,
    pub(super) rows: Vec<Row<M>>,
    /// Rows with a free place.
    roomy: Vec<usize>,
    /// Rows that some socket of the batch is still to be visited in.
    pub(super) rows_left: usize,
    /// Sockets that take broadcasts to all from the log.
    pub(super) attached: usize,
    /// Sockets that get them in their own queues: their streams are not open yet, take no more for now,
    /// or are not for flushers.
    detached: IndexMap<ConnectionId, Arc<M>>,
    /// Sockets that have left and may lack something, with the end of the log as it was then.
    leaving: IndexMap<ConnectionId, u64>,
    /// Sockets with something to write in their own queues.
    pub(super) dirty: Vec<Arc<M>>,
    pub(super) crews: Vec<Arc<Crew>>,
}

impl<M: Member> Fanout<M> {
    /// `limit`: the bytes that one socket's queue may hold.
    pub(in crate::hub) fn new(limit: usize, counters: Arc<Counters>) -> Self {
        Self {
            state: Mutex::new(State {
                log: BroadcastLog::new(counters.clone()),
                hold: Hold::new(),
                rows: Vec::new(),
                roomy: Vec::new(),
                rows_left: 0,
                attached: 0,
                detached: IndexMap::new(),
                leaving: IndexMap::new(),
                dirty: Vec::new(),
                crews: Vec::new(),
            }),
            counters,
            limit,
        }
    }

    /// Adds an active socket, detached: from now on each broadcast to all reaches its queue.
    pub(in crate::hub) fn insert(&self, member: Arc<M>) {
        self.lock().detached.insert(member.id(), member);
    }

    /// Has a detached socket take broadcasts to all from the log, from now on. It stays detached if
    /// the flushers have ended with their runtime: nothing would empty the log any more; and while its
    /// gate is shut: it is attached once what leaves then is written.
    pub(in crate::hub) fn attach(&self, member: &M) {
        let mut outbox = member.outbox().lock();
        let mut state = self.lock();
        if outbox.is_gated() || !state.has_flushers() {
            return;
        }
        if let Some(member) = state.detached.swap_remove(&member.id()) {
            outbox.subscribe(&state.log);
            state.attached += 1;
            state.rows[member.row()].attach(member.id(), member);
        }
    }

    /// Has an attached socket that takes no more get broadcasts to all in its own queue, which its
    /// task writes.
    pub(super) fn detach(&self, member: &M) {
        let mut outbox = member.outbox().lock();
        let mut state = self.lock();
        let Some(member) = state.remove_attached(member) else {
            return;
        };
        let waker = outbox.detach(&state.log);
        state.detached.insert(member.id(), member);
        drop((state, outbox));
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Detaches all attached sockets if no flusher is left.
    pub(super) fn detach_all(&self) {
        loop {
            let first = {
                let state = self.lock();
                if state.has_flushers() {
                    return;
                }
                state.rows.iter().find_map(Row::first).cloned()
            };
            let Some(member) = first else { return };
            self.detach(&member);
        }
    }

    /// Keeps what is published from now on from this socket. What was published before waits for
    /// [`depart`](Self::depart).
    pub(in crate::hub) fn leave(&self, member: &M) {
        let mut state = self.lock();
        if state.remove_attached(member).is_none() {
            state.detached.swap_remove(&member.id());
        } else if !state.log.is_empty() {
            let end = state.log.end();
            state.leaving.insert(member.id(), end);
        }
    }

    /// Gives a socket that has left what it lacks. Not under the hub's lock: it waits for a write to
    /// the socket.
    pub(in crate::hub) fn depart(&self, member: &M) {
        let mut outbox = member.outbox().lock();
        let mut state = self.lock();
        if let Some(end) = state.leaving.swap_remove(&member.id()) {
            outbox.unsubscribe(&state.log, end);
        }
        let kept = state.release_kept();
        drop((state, outbox));
        drop(kept);
    }

    /// Queues a frame for all attached sockets, unless the log is full. Adds the others to `detached`:
    /// the frame is to be pushed to them. Adds to `crews` those that are to be woken.
    ///
    /// Runs under the hub's lock, so it writes and wakes nothing.
    pub(in crate::hub) fn publish(
        &self,
        frame: &Frame,
        detached: &mut Vec<Arc<M>>,
        crews: &mut Vec<Arc<Crew>>,
    ) -> Published {
        let mut state = self.lock();
        let attached = state.attached;
        if attached > 0 && !self.has_room(&state, frame.cost()) {
            return Published {
                queued: 0,
                dropped: attached + state.detached.len(),
            };
        }
        detached.extend(state.detached.values().cloned());
        if attached == 0 {
            return Published::default();
        }
        let is_first = state.log.is_empty();
        state.log.push(frame.clone());
        if is_first {
            let end = state.log.end();
            state.hold.begin(end);
            state.crews.iter().for_each(|crew| crew.expect());
        }
        if is_first || state.hold.ends_at(state.log.end()) {
            crews.extend_from_slice(&state.crews);
        }
        Published {
            queued: attached,
            dropped: 0,
        }
    }

    /// Queues a frame for one socket, behind broadcasts to all.
    pub(in crate::hub) fn push(
        &self,
        member: &M,
        frame: &Frame,
        kind: Kind,
        reserved: usize,
    ) -> (Push, Option<Wake>) {
        let mut outbox = member.outbox().lock();
        if outbox.has_cursor() {
            let mut state = self.lock();
            if let Some(end) = state.leaving.swap_remove(&member.id()) {
                outbox.unsubscribe(&state.log, end);
            } else if !state.log.is_empty() && state.is_attached(member) {
                outbox.drain_log_into_queue(&state.log, state.log.end());
            }
        }
        outbox.push(frame, kind, reserved)
    }

    /// Has a flusher write the queue of one socket, or its own task if its runtime has no flusher any
    /// more.
    pub(in crate::hub) fn flush(&self, member: Arc<M>) {
        let crew = member.crew().clone();
        let mut state = self.lock();
        if crew.flushers() > 0 {
            state.dirty.push(member);
            drop(state);
            crew.wake_up_to(1);
        } else {
            drop(state);
            member.outbox().wake();
        }
    }

    /// Does the same for many sockets.
    pub(in crate::hub) fn flush_all(&self, members: &mut Vec<Arc<M>>) {
        while let Some(first) = members.last() {
            let crew = first.crew().clone();
            let mut left = Vec::new();
            let mut state = self.lock();
            let (before, mut index) = (state.dirty.len(), 0);
            while let Some(member) = members.get(index) {
                if !Arc::ptr_eq(member.crew(), &crew) {
                    index += 1;
                } else if crew.flushers() > 0 {
                    state.dirty.push(members.swap_remove(index));
                } else {
                    left.push(members.swap_remove(index));
                }
            }
            let taken = state.dirty.len() - before;
            drop(state);
            // One flusher comes where the caller runs, and finds warm what the caller has touched.
            crew.wake_up_to(taken.div_ceil(SOCKETS_PER_ROW));
            left.iter().for_each(|member| member.outbox().wake());
        }
    }

    /// Forgets the log if no socket takes anything from it any more, and has sockets' own tasks write
    /// what flushers were to write, if no flusher is left. To be called without a lock.
    pub(super) fn clear(&self) {
        let mut state = self.lock();
        if state.has_flushers() || state.attached > 0 {
            return;
        }
        let batches = state.clear_log();
        let dirty = mem::take(&mut state.dirty);
        drop(state);
        drop(batches);
        dirty.iter().for_each(|member| member.outbox().wake());
    }

    /// Whether any flusher runs.
    #[cfg(all(test, shuttle))]
    pub(in crate::hub) fn is_running(&self) -> bool {
        self.lock().has_flushers()
    }

    /// Whether its lock is not held.
    #[cfg(test)]
    pub(in crate::hub) fn is_free(&self) -> bool {
        self.state.try_lock().is_some()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State<M>> {
        self.state.lock()
    }

    /// Whether the log takes a frame of this cost. An empty one takes any.
    pub(super) fn has_room(&self, state: &State<M>, cost: usize) -> bool {
        state.log.is_empty() || state.log.cost() + cost <= self.limit
    }

    /// Whether the log is so long that publishers have to write themselves. One message is never too
    /// much.
    pub(super) fn is_full(&self, state: &State<M>) -> bool {
        let is_long = state.log.cost() > self.limit / 2;
        state.log.len() > 1 && (is_long || self.counters.is_full(0))
    }
}

impl<M: Member> State<M> {
    /// Returns the flushers of a runtime.
    pub(super) fn crew(
        &mut self,
        is_its: impl Fn(&Crew) -> bool,
        make: impl FnOnce() -> Crew,
    ) -> Arc<Crew> {
        if let Some(crew) = self.crews.iter().find(|crew| is_its(crew)) {
            return crew.clone();
        }
        let crew = Arc::new(make());
        self.crews.push(crew.clone());
        crew
    }

    /// Forgets crews that have neither sockets nor flushers: their runtimes may have ended.
    pub(super) fn forget_idle_crews(&mut self) {
        self.crews
            .retain(|crew| crew.has_sockets() || crew.flushers() > 0);
    }

    pub(super) fn crews(&self) -> Vec<Arc<Crew>> {
        self.crews.clone()
    }

    pub(super) fn flushers(&self) -> usize {
        self.crews.iter().map(|crew| crew.flushers()).sum()
    }

    /// Whether sockets are attached, or something waits to be written.
    pub(super) fn has_work(&self) -> bool {
        self.attached > 0 || self.has_writes()
    }

    /// Whether something is to be written.
    pub(super) fn has_writes(&self) -> bool {
        !self.dirty.is_empty() || !self.log.is_empty()
    }

    pub(super) fn has_flushers(&self) -> bool {
        self.flushers() > 0
    }

    /// Gives a socket a place for life, and returns the number of the row.
    pub(super) fn take_place(&mut self) -> usize {
        let row = match self.roomy.last() {
            Some(&row) => row,
            None => {
                self.rows.push(Row::default());
                self.roomy.push(self.rows.len() - 1);
                self.rows.len() - 1
            }
        };
        if !self.rows[row].take_place() {
            self.roomy.pop();
        }
        row
    }

    pub(super) fn give_place_back(&mut self, row: usize) {
        if self.rows[row].give_place_back() {
            self.roomy.push(row);
        }
    }

    /// Forgets what is kept of the log, if no socket lacks it any more. It is to be dropped without the
    /// lock.
    pub(super) fn release_kept(&mut self) -> Vec<Arc<Batch>> {
        if self.leaving.is_empty() {
            self.log.release_kept()
        } else {
            Vec::new()
        }
    }

    /// Whether a socket that has left has not got yet what it lacks.
    pub(super) fn is_awaited(&self) -> bool {
        !self.leaving.is_empty()
    }

    fn is_attached(&self, member: &M) -> bool {
        self.rows[member.row()].is_attached(member.id())
    }

    fn remove_attached(&mut self, member: &M) -> Option<Arc<M>> {
        let removed = self.rows[member.row()].detach(member.id());
        self.attached -= usize::from(removed.is_some());
        removed
    }
}

/// What became of a frame for all sockets.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::hub) struct Published {
    /// How many sockets take it from the log.
    pub(in crate::hub) queued: usize,
    /// How many would have got it, if the log had had room.
    pub(in crate::hub) dropped: usize,
}
