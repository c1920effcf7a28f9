mod pass;

use std::{mem, sync::Arc, task::Waker};

use indexmap::IndexMap;
use tokio::{
    runtime::{self, Handle},
    sync::Notify,
    task::yield_now,
};

use self::pass::Pass;
use super::{
    SocketEntry,
    log::Log,
    outbox::{Follow, Kind, Push, Wake},
    stats::{Counters, Tally},
};
use crate::{
    frame::Frame,
    protocol::ConnectionId,
    sync::{self, Mutex},
};

/// The shards of a hub: each runtime that has sockets has one for each of its worker threads.
#[derive(Debug)]
pub(super) struct Shards {
    shards: Mutex<Vec<Arc<Shard>>>,
    counters: Arc<Counters>,
    /// The bytes that may wait in a log.
    limit: usize,
}

impl Shards {
    /// `limit`: the bytes that one socket's queue may hold.
    pub(super) fn new(limit: usize, counters: Arc<Counters>) -> Self {
        Self {
            shards: Mutex::default(),
            counters,
            limit,
        }
    }

    /// A place for a new socket of the current runtime: of its shards, the one with the fewest.
    pub(super) fn enter(&self) -> Place {
        let runtime = Handle::current();
        let is_own = |shard: &&Arc<Shard>| shard.runtime == runtime.id();
        let mut shards = self.shards.lock();
        // Runtimes end, and so do their sockets.
        shards.retain(|shard| is_own(&shard) || shard.len() > 0);
        if !shards.iter().any(|shard| is_own(&shard)) {
            let workers = runtime.metrics().num_workers();
            shards.extend((0..workers).map(|_| {
                Arc::new(Shard {
                    runtime: runtime.id(),
                    counters: self.counters.clone(),
                    limit: self.limit,
                    state: Mutex::default(),
                    work: Notify::new(),
                })
            }));
        }
        let own = shards.iter().filter(is_own);
        let shard = own.min_by_key(|shard| shard.len());
        Place::new(shard.expect("this runtime's shards were just made").clone())
    }

    /// Whether any shard has its task.
    #[cfg(all(test, shuttle))]
    pub(super) fn are_running(&self) -> bool {
        let shards = self.shards.lock();
        shards.iter().any(|shard| shard.state.lock().is_running)
    }

    /// Whether no lock of theirs is held.
    #[cfg(test)]
    pub(super) fn are_free(&self) -> bool {
        let shards = self.shards.try_lock();
        shards.is_some_and(|shards| shards.iter().all(|shard| shard.state.try_lock().is_some()))
    }

    /// Publishes a frame to all shards, as [`Shard::publish`] does to one.
    pub(super) fn publish(&self, frame: &Frame, others: &mut Vec<Arc<SocketEntry>>) -> Published {
        let shards = self.shards.lock();
        let published = shards.iter().map(|shard| shard.publish(frame, others));
        published.fold(Published::default(), |all, one| Published {
            followers: all.followers + one.followers,
            is_full: all.is_full || one.is_full,
        })
    }

    /// Writes where logs are full, as [`Shard::help`] does. To be called without a lock.
    pub(super) fn help(&self, frame: &Frame) {
        let shards = self.shards.lock().clone();
        for shard in shards {
            shard.help(frame.cost());
        }
    }
}

/// Sockets of one runtime whose frames one task writes.
///
/// A broadcast wakes that task once instead of one task for each recipient, and what is broadcast
/// while it is at work joins what it writes next: the busier the hub, the more frames leave in one
/// call.
#[derive(Debug)]
pub(super) struct Shard {
    runtime: runtime::Id,
    counters: Arc<Counters>,
    limit: usize,
    state: Mutex<State>,
    work: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// What is for everybody and not written yet.
    log: Log,
    /// The way round the followers that is under way.
    pass: Option<Pass>,
    /// Sockets that get it from the log.
    followers: IndexMap<ConnectionId, Arc<SocketEntry>>,
    /// Sockets that take too little for now: each gets it in a queue of its own.
    aside: IndexMap<ConnectionId, Arc<SocketEntry>>,
    /// Sockets that have left, with the log as it was then.
    leaving: IndexMap<ConnectionId, Log>,
    /// Sockets with something to write in their own queues.
    due: Vec<Arc<SocketEntry>>,
    sockets: usize,
    is_running: bool,
}

impl Shard {
    /// Queues a frame for every follower. Adds to `others` the sockets that want it pushed to them.
    ///
    /// It writes nothing: the caller has locks that all share.
    fn publish(&self, frame: &Frame, others: &mut Vec<Arc<SocketEntry>>) -> Published {
        let mut state = self.state.lock();
        others.extend(state.aside.values().cloned());
        let followers = state.followers.len();
        if followers > 0 {
            // Charged once: the sockets share it.
            self.counters.charge(frame.cost());
            state.log.push(frame.clone());
            self.work.notify_one();
        }
        Published {
            followers,
            is_full: self.is_full(&state),
        }
    }

    /// Queues a frame for one socket, behind what is for everybody.
    pub(super) fn push(
        &self,
        entry: &SocketEntry,
        frame: &Frame,
        kind: Kind,
        allowance: usize,
    ) -> (Push, Wake) {
        let mut outbox = entry.outbox.lock();
        let mut state = self.state.lock();
        if let Some(rest) = state.leaving.swap_remove(&entry.id) {
            outbox.catch_up(&rest, false);
        } else if !state.log.is_empty() && state.followers.contains_key(&entry.id) {
            outbox.catch_up(&state.log, true);
        }
        drop(state);
        outbox.push(frame, kind, allowance)
    }

    /// Lets a socket follow what is for everybody, from now on.
    pub(super) fn follow(&self, entry: &Arc<SocketEntry>) {
        let mut outbox = entry.outbox.lock();
        let mut state = self.state.lock();
        outbox.follow(&state.log);
        state.followers.insert(entry.id, entry.clone());
    }

    /// Lets a socket that had stepped aside follow again.
    pub(super) fn rejoin(&self, entry: &SocketEntry) {
        let mut outbox = entry.outbox.lock();
        let mut state = self.state.lock();
        if let Some(entry) = state.aside.swap_remove(&entry.id) {
            outbox.follow(&state.log);
            state.followers.insert(entry.id, entry);
        }
    }

    /// Nothing that is published from now on is for this socket. What was before waits for
    /// [`depart`](Self::depart).
    pub(super) fn leave(&self, entry: &SocketEntry) {
        let mut state = self.state.lock();
        if state.followers.swap_remove(&entry.id).is_none() {
            state.aside.swap_remove(&entry.id);
        } else if !state.log.is_empty() {
            let rest = state.log.clone();
            state.leaving.insert(entry.id, rest);
        }
    }

    /// Gives a socket that has left what it lacks. Not under the hub's lock: it waits for a write to
    /// the socket.
    pub(super) fn depart(&self, entry: &SocketEntry) {
        let mut outbox = entry.outbox.lock();
        let rest = self.state.lock().leaving.swap_remove(&entry.id);
        if let Some(rest) = rest {
            outbox.catch_up(&rest, false);
        }
    }

    /// Has one socket's queue written.
    pub(super) fn flush(&self, entry: Arc<SocketEntry>) {
        let mut state = self.state.lock();
        if state.is_running {
            state.due.push(entry);
        }
        drop(state);
        self.work.notify_one();
    }

    /// Has the queues of those of the sockets written that are this shard's; the others stay.
    pub(super) fn flush_own(&self, entries: &mut Vec<Arc<SocketEntry>>) {
        let mut state = self.state.lock();
        let mut index = 0;
        while let Some(entry) = entries.get(index) {
            let shard = entry.shard.get();
            if shard.is_none_or(|shard| std::ptr::eq(&**shard, self)) {
                let entry = entries.swap_remove(index);
                if state.is_running {
                    state.due.push(entry);
                }
            } else {
                index += 1;
            }
        }
        drop(state);
        self.work.notify_one();
    }

    fn len(&self) -> usize {
        self.state.lock().sockets
    }

    /// Writes for the shard's sockets until there are none.
    async fn run(mut running: Running) {
        let shard = running.shard.clone();
        let mut due = Vec::new();
        loop {
            shard.work.notified().await;
            shard.gather().await;
            let batch = {
                let mut state = shard.state.lock();
                mem::swap(&mut state.due, &mut due);
                if state.sockets == 0 {
                    // The last sockets may have gone before what was for them was written.
                    shard.counters.release(state.clear());
                    state.is_running = false;
                    running.ended = true;
                    return;
                }
                state.pass().cloned()
            };
            if let Some(batch) = batch {
                shard.write_pass(&batch).await;
            }
            shard.write_queues(&mut due).await;
        }
    }

    /// Lets publishers that have more to say say it, so that it leaves in the same calls. With one
    /// message in flight that is one turn of the scheduler, which the pass costs anyway.
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

    /// Gives sockets whose kernel buffers are full queues of their own, which their tasks write.
    fn step_aside(&self, blocked: Vec<(Arc<SocketEntry>, Option<Waker>)>) {
        for (entry, waker) in blocked {
            let mut outbox = entry.outbox.lock();
            let mut state = self.state.lock();
            let mut woken = None;
            if let Some(entry) = state.followers.swap_remove(&entry.id) {
                woken = outbox.step_aside(&state.log);
                state.aside.insert(entry.id, entry);
            }
            drop((state, outbox));
            waker.into_iter().chain(woken).for_each(Waker::wake);
        }
    }

    /// Gives every follower what it lacks in its own queue.
    fn all_aside(&self) {
        loop {
            let first = self
                .state
                .lock()
                .followers
                .first()
                .map(|(_, entry)| entry.clone());
            let Some(entry) = first else { return };
            self.step_aside(vec![(entry, None)]);
        }
    }

    /// Writes sockets' own queues, in turns.
    async fn write_queues(&self, entries: &mut Vec<Arc<SocketEntry>>) {
        let (mut tally, mut sockets) = (Tally::default(), 0);
        for entry in entries.drain(..) {
            if let Follow::Rejoin = entry.outbox.flush(&mut tally) {
                self.rejoin(&entry);
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

impl State {
    /// Forgets what is in the log, which no socket follows any more, and tells how many bytes it had.
    fn clear(&mut self) -> usize {
        self.pass = None;
        self.log.clear()
    }
}

/// What became of a frame for all sockets.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Published {
    /// How many sockets take it from a log.
    pub(super) followers: usize,
    /// Whether the flushers lag behind, so that the publisher has to help.
    pub(super) is_full: bool,
}

/// A socket's membership in a shard; dropping it ends the membership.
#[derive(Debug)]
pub(super) struct Place(Arc<Shard>);

impl Place {
    fn new(shard: Arc<Shard>) -> Self {
        let mut state = shard.state.lock();
        state.sockets += 1;
        let start = !mem::replace(&mut state.is_running, true);
        drop(state);
        if start {
            #[expect(clippy::disallowed_methods, reason = "each shard has a task")]
            sync::spawn(Shard::run(Running::new(shard.clone())));
        }
        Self(shard)
    }

    pub(super) fn shard(&self) -> &Arc<Shard> {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.state.lock().sockets -= 1;
        self.0.work.notify_one();
    }
}

/// Notes that the task is gone also where its runtime dropped it, begun or not.
struct Running {
    shard: Arc<Shard>,
    ended: bool,
}

impl Running {
    fn new(shard: Arc<Shard>) -> Self {
        Self {
            shard,
            ended: false,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            self.shard.state.lock().is_running = false;
            self.shard.all_aside();
            let mut state = self.shard.state.lock();
            self.shard.counters.release(state.clear());
            // Sockets that nobody writes for and that refer to this shard would keep each other.
            let due = mem::take(&mut state.due);
            drop(state);
            drop(due);
        }
    }
}

/// After so many sockets others get their turn: more is cheaper, fewer is fairer.
const SOCKETS_PER_TURN: usize = if cfg!(all(test, shuttle)) { 2 } else { 128 };

/// After so many bytes as well: it takes a millisecond or two to copy them to the kernel.
const BYTES_PER_TURN: usize = 2 * 1024 * 1024;

/// For how many turns of the scheduler a pass waits at most while broadcasts keep coming.
const TURNS_TO_GATHER: usize = 8;

#[cfg(test)]
mod tests;
