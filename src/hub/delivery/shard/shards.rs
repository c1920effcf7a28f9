//! The shards of a hub, and a socket's place in one of them.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::{
    flusher::Flusher,
    shard::{Member, Published, Shard},
};
use crate::{
    frame::Frame,
    hub::counters::Counters,
    sync::{self, Mutex},
};

/// The shards of a hub: each runtime that has sockets has one for each of its worker threads.
#[derive(Debug)]
pub(in crate::hub) struct Shards<M> {
    shards: Mutex<Vec<Arc<Shard<M>>>>,
    counters: Arc<Counters>,
    /// The bytes that may wait in a log.
    limit: usize,
}

impl<M: Member> Shards<M> {
    /// `limit`: the bytes that one socket's queue may hold.
    pub(in crate::hub) fn new(limit: usize, counters: Arc<Counters>) -> Self {
        Self {
            shards: Mutex::default(),
            counters,
            limit,
        }
    }

    /// Makes a place for a new socket of the current runtime: in the shard with the fewest.
    pub(in crate::hub) fn join(&self) -> Membership<M> {
        let runtime = Handle::current();
        let is_own = |shard: &&Arc<Shard<M>>| shard.runtime == runtime.id();
        let mut shards = self.shards.lock();
        if !shards.iter().any(|shard| is_own(&shard)) {
            // Runtimes end, and so do their sockets. One that has a socket keeps all of its shards.
            let in_use = shards.iter().filter(|shard| shard.sockets() > 0);
            let in_use: Vec<_> = in_use.map(|shard| shard.runtime).collect();
            shards.retain(|shard| in_use.contains(&shard.runtime));
            let workers = runtime.metrics().num_workers();
            shards.extend((0..workers).map(|_| {
                let shard = Shard::new(runtime.id(), self.limit, self.counters.clone());
                Arc::new(shard)
            }));
        }
        let own = shards.iter().filter(is_own);
        let shard = own.min_by_key(|shard| shard.sockets());
        let shard = shard.expect("this runtime's shards were just made").clone();
        // Under the lock, so that the shard is not removed as an empty one.
        shard.add_socket();
        Membership(shard)
    }

    /// Queues a frame for all sockets. Adds the detached ones, to which it is to be pushed, and the
    /// shards that are to be woken.
    ///
    /// Runs under the hub's lock, so it writes and wakes nothing.
    pub(in crate::hub) fn publish(
        &self,
        frame: &Frame,
        detached: &mut Vec<Arc<M>>,
        woken: &mut Vec<Arc<Shard<M>>>,
    ) -> Published {
        let mut all = Published::default();
        for shard in self.shards.lock().iter() {
            let published = shard.publish(frame, detached);
            if published.attached > 0 {
                woken.push(shard.clone());
                all.attached += published.attached;
                all.is_full |= published.is_full;
            }
        }
        all
    }

    /// Whether any shard has its task.
    #[cfg(all(test, shuttle))]
    pub(in crate::hub) fn are_running(&self) -> bool {
        let shards = self.shards.lock();
        shards.iter().any(|shard| shard.is_running())
    }

    /// Whether no lock of theirs is held.
    #[cfg(test)]
    pub(in crate::hub) fn are_free(&self) -> bool {
        let shards = self.shards.try_lock();
        shards.is_some_and(|shards| shards.iter().all(|shard| shard.state.try_lock().is_some()))
    }
}

/// A socket's membership in a shard; dropping it ends the membership.
#[derive(Debug)]
pub(in crate::hub) struct Membership<M>(Arc<Shard<M>>);

impl<M: Member> Membership<M> {
    /// Starts the shard's flusher unless it runs. To be called without a lock, since that wakes a
    /// thread, and on the shard's runtime.
    pub(in crate::hub) fn start_flusher(&self) {
        if self.0.needs_flusher() {
            let flusher = Flusher::new(self.0.clone());
            #[expect(clippy::disallowed_methods, reason = "each shard has a task")]
            sync::spawn(flusher.run());
        }
    }

    pub(in crate::hub) fn shard(&self) -> &Arc<Shard<M>> {
        &self.0
    }
}

impl<M> Drop for Membership<M> {
    fn drop(&mut self) {
        self.0.state.lock().sockets -= 1;
        self.0.wake();
    }
}
