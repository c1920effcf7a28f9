use std::{mem, sync::Arc};

use parking_lot::Mutex;
use tokio::{
    runtime::{self, Handle},
    sync::Notify,
    task::yield_now,
};

use super::{
    Peer,
    stats::{Counters, Tally},
};

/// The shards of a hub: each runtime that has sockets has one for each of its worker threads.
#[derive(Debug, Default)]
pub(super) struct Shards(Mutex<Vec<Arc<Shard>>>);

impl Shards {
    /// A place for a new socket of the current runtime: of its shards, the one with the fewest.
    pub(super) fn enter(&self, counters: &Arc<Counters>) -> Place {
        let runtime = Handle::current();
        let is_own = |shard: &&Arc<Shard>| shard.runtime == runtime.id();
        let mut shards = self.0.lock();
        // Runtimes end, and so do their sockets.
        shards.retain(|shard| is_own(&shard) || shard.len() > 0);
        if !shards.iter().any(|shard| is_own(&shard)) {
            let workers = runtime.metrics().num_workers();
            shards.extend((0..workers).map(|_| Shard::new(runtime.id(), counters.clone())));
        }
        let own = shards.iter().filter(is_own);
        let shard = own.min_by_key(|shard| shard.len());
        Place::new(shard.expect("this runtime's shards were just made").clone())
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
    state: Mutex<State>,
    work: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Sockets with something to write.
    due: Vec<Arc<Peer>>,
    sockets: usize,
    is_running: bool,
}

impl Shard {
    fn new(runtime: runtime::Id, counters: Arc<Counters>) -> Arc<Self> {
        Arc::new(Self {
            runtime,
            counters,
            state: Mutex::default(),
            work: Notify::new(),
        })
    }

    /// Has one socket's queue written.
    pub(super) fn flush(&self, peer: Arc<Peer>) {
        let mut state = self.state.lock();
        if state.is_running {
            state.due.push(peer);
        }
        drop(state);
        self.work.notify_one();
    }

    /// Has the queues of those of the sockets written that are this shard's; the others stay.
    pub(super) fn flush_own(&self, peers: &mut Vec<Arc<Peer>>) {
        let mut state = self.state.lock();
        let mut index = 0;
        while let Some(peer) = peers.get(index) {
            let shard = peer.shard.get();
            if shard.is_none_or(|shard| std::ptr::eq(&**shard, self)) {
                let peer = peers.swap_remove(index);
                if state.is_running {
                    state.due.push(peer);
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
            {
                let mut state = shard.state.lock();
                if state.sockets == 0 && state.due.is_empty() {
                    state.is_running = false;
                    running.ended = true;
                    return;
                }
                mem::swap(&mut state.due, &mut due);
            }
            for peers in due.chunks(SOCKETS_PER_TURN) {
                let mut tally = Tally::default();
                for peer in peers {
                    peer.outbox.flush(&mut tally);
                }
                shard.counters.record(tally);
                if peers.len() == SOCKETS_PER_TURN {
                    yield_now().await;
                }
            }
            due.clear();
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
            tokio::spawn(Shard::run(Running::new(shard.clone())));
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
            let mut state = self.shard.state.lock();
            state.is_running = false;
            // Sockets that nobody writes for and that refer to this shard would keep each other.
            let due = mem::take(&mut state.due);
            drop(state);
            drop(due);
        }
    }
}

/// After so many sockets others get their turn: more is cheaper, fewer is fairer.
const SOCKETS_PER_TURN: usize = 128;

/// For how many turns of the scheduler a pass waits at most while broadcasts keep coming.
const TURNS_TO_GATHER: usize = 8;

#[cfg(test)]
mod tests {
    use std::io::{self, IoSlice};

    use super::*;
    use crate::{
        config::Config,
        hub::{Hub, SharedTransport, Transport, User},
        protocol::SocketMessage,
    };

    #[derive(Debug)]
    struct Sink;

    impl SharedTransport for Sink {
        fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            Ok(slices.iter().map(|slice| slice.len()).sum())
        }
    }

    impl Transport for Sink {
        fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            SharedTransport::try_write(self, slices)
        }

        fn try_flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_runtime_that_ends_leaves_no_socket_behind() {
        let hub = Arc::new(Hub::new(&Config::new()));
        let runtime = runtime::Builder::new_current_thread().build().unwrap();
        let registration = runtime.block_on(async {
            let user = User::Claimed("ann".into());
            let registration = hub.register(user, []).expect("room in the hub");
            registration.list();
            registration.share(Arc::new(Sink));
            assert!(registration.outbox().drain(&mut Sink).is_ok());
            registration
        });
        assert_eq!(hub.broadcast(&SocketMessage::new("x")).queued, 1);
        let peer = Arc::downgrade(registration.peer());
        drop(runtime);
        drop(registration);
        assert_eq!(peer.strong_count(), 0);
        assert_eq!(hub.stats().undelivered, 1);
    }
}
