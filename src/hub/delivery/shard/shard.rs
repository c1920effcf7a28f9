//! A shard: its log, and which of its sockets are attached to it.

use std::{
    fmt, mem, ptr,
    sync::{Arc, Weak},
};

use indexmap::IndexMap;
use tokio::{runtime, sync::Notify};

use super::pass::Pass;
use crate::{
    frame::Frame,
    hub::{
        counters::Counters,
        delivery::{
            broadcast_log::{Batch, BroadcastLog},
            queue::{Kind, Outbox, Push, Wake},
        },
    },
    protocol::ConnectionId,
    sync::Mutex,
};

/// What delivery knows of a socket: defined here, implemented by the hub's entry of it.
pub(in crate::hub) trait Member: fmt::Debug + Send + Sync + Sized + 'static {
    fn id(&self) -> ConnectionId;

    fn outbox(&self) -> &Outbox;

    /// The shard that the socket belongs to. It is weak, because the shard owns its members.
    fn shard(&self) -> &Weak<Shard<Self>>;
}

/// The sockets of one runtime whose frames one task writes, the flusher.
///
/// A broadcast wakes that task once instead of one task for each recipient (0.5 to 2 µs each), and
/// what is broadcast while it is at work joins what it writes next: the busier the hub, the more
/// frames leave in one call.
#[derive(Debug)]
pub(in crate::hub) struct Shard<M> {
    pub(super) runtime: runtime::Id,
    pub(super) counters: Arc<Counters>,
    /// The bytes that may wait in the log, which is what one socket's queue may hold.
    limit: usize,
    pub(super) state: Mutex<State<M>>,
    /// Wakes the flusher. Never notified under a lock: a wake may be a system call.
    pub(super) work: Notify,
}

#[derive(Debug)]
pub(super) struct State<M> {
    /// Broadcasts to all that are not written yet.
    pub(super) log: BroadcastLog,
    /// The walk over the attached sockets that is under way.
    pub(super) pass: Option<Pass>,
    /// Sockets that take broadcasts to all from the log.
    pub(super) attached: IndexMap<ConnectionId, Arc<M>>,
    /// Sockets that get it in their own queues: their streams are not open yet, take no more for now,
    /// or are not for flushers.
    detached: IndexMap<ConnectionId, Arc<M>>,
    /// Sockets that have left, with the log as it was then.
    leaving: IndexMap<ConnectionId, BroadcastLog>,
    /// Sockets with something to write in their own queues.
    pub(super) dirty: Vec<Arc<M>>,
    pub(super) sockets: usize,
    pub(super) is_running: bool,
}

impl<M> Shard<M> {
    pub(super) fn new(runtime: runtime::Id, limit: usize, counters: Arc<Counters>) -> Self {
        Self {
            runtime,
            counters,
            limit,
            state: Mutex::new(State {
                log: BroadcastLog::default(),
                pass: None,
                attached: IndexMap::new(),
                detached: IndexMap::new(),
                leaving: IndexMap::new(),
                dirty: Vec::new(),
                sockets: 0,
                is_running: false,
            }),
            work: Notify::new(),
        }
    }

    /// Has the flusher look for something to write. To be called without a lock.
    pub(in crate::hub) fn wake(&self) {
        self.work.notify_one();
    }

    pub(super) fn add_socket(&self) {
        self.state.lock().sockets += 1;
    }

    /// Whether no flusher runs, so that the caller has to start one. It counts as running from now on.
    pub(super) fn needs_flusher(&self) -> bool {
        !mem::replace(&mut self.state.lock().is_running, true)
    }

    /// Returns what the flusher waits for.
    #[cfg(test)]
    pub(in crate::hub) fn work(&self) -> &Notify {
        &self.work
    }

    /// Whether the shard has its task.
    #[cfg(test)]
    pub(in crate::hub) fn is_running(&self) -> bool {
        self.state.lock().is_running
    }

    pub(super) fn sockets(&self) -> usize {
        self.state.lock().sockets
    }

    /// Whether the log is so long that publishers have to write themselves. While a pass is under
    /// way, up to as much again comes in. One message is never too much.
    pub(super) fn is_full(&self, state: &State<M>) -> bool {
        let is_long = state.log.bytes() > self.limit / 2;
        state.log.len() > 1 && (is_long || self.counters.is_full(0))
    }
}

impl<M: Member> Shard<M> {
    /// Adds an active socket, detached: from now on each broadcast to all reaches its queue.
    pub(in crate::hub) fn insert(&self, member: Arc<M>) {
        self.state.lock().detached.insert(member.id(), member);
    }

    /// Has a detached socket take broadcasts to all from the log, from now on. It stays detached if
    /// the flusher has ended with its runtime: nothing would empty the log any more.
    pub(in crate::hub) fn attach(&self, member: &M) {
        let mut outbox = member.outbox().lock();
        let mut state = self.state.lock();
        if !state.is_running {
            return;
        }
        if let Some(member) = state.detached.swap_remove(&member.id()) {
            outbox.subscribe(&state.log);
            state.attached.insert(member.id(), member);
        }
    }

    /// Has an attached socket that takes no more get broadcasts to all in its own queue, which its
    /// task writes.
    pub(super) fn detach(&self, member: &M) {
        let mut outbox = member.outbox().lock();
        let mut state = self.state.lock();
        let Some(member) = state.attached.swap_remove(&member.id()) else {
            return;
        };
        let waker = outbox.detach(&state.log);
        state.detached.insert(member.id(), member.clone());
        drop((state, outbox));
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Keeps what is published from now on from this socket. What was published before waits for
    /// [`depart`](Self::depart).
    pub(in crate::hub) fn leave(&self, member: &M) {
        let mut state = self.state.lock();
        if state.attached.swap_remove(&member.id()).is_none() {
            state.detached.swap_remove(&member.id());
        } else if !state.log.is_empty() {
            let rest = state.log.clone();
            state.leaving.insert(member.id(), rest);
        }
    }

    /// Gives a socket that has left what it lacks. Not under the hub's lock: it waits for a write to
    /// the socket.
    pub(in crate::hub) fn depart(&self, member: &M) {
        let mut outbox = member.outbox().lock();
        let rest = self.state.lock().leaving.swap_remove(&member.id());
        if let Some(rest) = rest {
            outbox.unsubscribe(&rest);
        }
    }

    /// Queues a frame for all attached sockets and returns their number. Adds the others to
    /// `detached`: the frame is to be pushed to them.
    ///
    /// Runs under the hub's lock, so it writes and wakes nothing.
    pub(super) fn publish(&self, frame: &Frame, detached: &mut Vec<Arc<M>>) -> Published {
        let mut state = self.state.lock();
        detached.extend(state.detached.values().cloned());
        let attached = state.attached.len();
        if attached > 0 {
            // Charged once: the sockets share it.
            self.counters.charge(frame.cost());
            state.log.push(frame.clone());
        }
        Published {
            attached,
            is_full: self.is_full(&state),
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
        let mut state = self.state.lock();
        if let Some(rest) = state.leaving.swap_remove(&member.id()) {
            outbox.unsubscribe(&rest);
        } else if !state.log.is_empty() && state.attached.contains_key(&member.id()) {
            outbox.drain_log_into_queue(&state.log);
        }
        drop(state);
        outbox.push(frame, kind, reserved)
    }

    /// Has the flusher write the queue of one socket.
    pub(in crate::hub) fn flush(&self, member: Arc<M>) {
        let mut state = self.state.lock();
        if state.is_running {
            state.dirty.push(member);
        }
        drop(state);
        self.wake();
    }

    /// Has the flusher write the queues of those of the sockets that belong to this shard, and leaves
    /// the others in the list.
    pub(in crate::hub) fn flush_own(&self, members: &mut Vec<Arc<M>>) {
        let mut state = self.state.lock();
        let mut index = 0;
        while let Some(member) = members.get(index) {
            if ptr::eq(member.shard().as_ptr(), self) {
                let member = members.swap_remove(index);
                if state.is_running {
                    state.dirty.push(member);
                }
            } else {
                index += 1;
            }
        }
        drop(state);
        self.wake();
    }

    /// Detaches all attached sockets.
    pub(super) fn detach_all(&self) {
        loop {
            let first = {
                let state = self.state.lock();
                state.attached.first().map(|(_, member)| member.clone())
            };
            let Some(member) = first else { return };
            self.detach(&member);
        }
    }
}

impl<M> State<M> {
    /// Returns the batch of the pass that is under way. One begins if there is something to write.
    pub(super) fn pass(&mut self) -> Option<&Arc<Batch>> {
        if self.pass.is_none() && !self.log.is_empty() {
            self.pass = Some(Pass::new(self.log.batch(), self.attached.len()));
        }
        self.pass.as_ref().map(Pass::batch)
    }

    /// Begins a turn of the pass and adds its sockets to `members`; `None` if none is left to visit.
    pub(super) fn begin_turn(&mut self, members: &mut Vec<Arc<M>>) -> Option<Arc<Batch>> {
        let pass = self.pass.as_mut()?;
        let next = pass.begin_turn(self.attached.len())?.rev();
        members.extend(next.filter_map(|index| Some(self.attached.get_index(index)?.1.clone())));
        Some(pass.batch().clone())
    }

    /// Forgets the pass if it is over, and returns how many bytes that takes out of the log.
    pub(super) fn end_pass(&mut self) -> Option<usize> {
        let sockets = self.attached.len();
        let over = self.pass.take_if(|pass| pass.is_over(sockets))?;
        Some(self.log.trim(over.batch()))
    }

    /// Empties the log, which no socket takes anything from any more, and returns how many bytes it
    /// had.
    pub(super) fn clear_log(&mut self) -> usize {
        self.pass = None;
        self.log.clear()
    }
}

/// What became of a frame for all sockets.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::hub) struct Published {
    /// How many sockets take it from a log.
    pub(in crate::hub) attached: usize,
    /// Whether the flushers lag behind, so that the publisher has to help.
    pub(in crate::hub) is_full: bool,
}
