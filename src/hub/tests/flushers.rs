//! Flushers: what they write, when they end, and what they leave behind.

use std::{
    future::Future,
    io::{self, IoSlice},
    pin::pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Wake},
};

use tokio::{
    runtime::{self, Runtime},
    task::yield_now,
};

use crate::{
    config::{Config, Overflow},
    frame::Frame,
    hub::{
        Drained, Hub, Identity, SharedTransport, Transport, User,
        delivery::{Member, TURNS_TO_GATHER},
    },
    protocol::{CloseReason, SocketMessage},
};

#[derive(Debug)]
pub(super) struct Sink;

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
        let ann = hub.register(Identity::user("ann"), User::Claimed);
        let registration = ann.expect("room in the hub");
        registration.activate();
        registration.attach(Arc::new(Sink));
        assert!(registration.outbox().drain(&mut Sink).is_ok());
        registration
    });
    assert_eq!(hub.broadcast(&SocketMessage::new("x")).queued, 1);
    let entry = Arc::downgrade(registration.entry());
    drop(runtime);
    drop(registration);
    assert_eq!(entry.strong_count(), 0);
    assert_eq!(hub.stats().undelivered, 1);
    assert_eq!(hub.stats().bytes_queued, 0);
}

/// As one does whose session is being polled by another thread when its runtime ends.
#[test]
fn a_socket_that_outlives_its_flusher_leaves_nothing_in_the_log() {
    let hub = Arc::new(Hub::new(&Config::new()));
    let runtime = runtime::Builder::new_current_thread().build().unwrap();
    let registration = runtime.block_on(async {
        let ann = hub.register(Identity::user("ann"), User::Claimed);
        let registration = ann.expect("room in the hub");
        registration.activate();
        registration.attach(Arc::new(Sink));
        registration
    });
    drop(runtime);
    let drained = registration.outbox().drain(&mut Sink);
    assert_eq!(drained.ok(), Some(Drained::Reattach));
    registration.reattach();
    assert_eq!(hub.broadcast(&SocketMessage::new("x")).queued, 1);
    drop(registration);
    let stats = hub.stats();
    assert_eq!((stats.undelivered, stats.bytes_queued), (1, 0));
}

#[tokio::test]
async fn what_no_socket_is_left_to_take_is_not_charged() {
    let hub = Arc::new(Hub::new(&Config::new()));
    let registration = hub.register(Identity::user("ann"), User::Claimed);
    let registration = registration.expect("room in the hub");
    registration.activate();
    registration.attach(Arc::new(Sink));
    assert_eq!(hub.broadcast(&SocketMessage::new("x")).queued, 1);
    drop(registration);
    // The flusher has its turns: it finds a message and no attached socket.
    for _ in 0..2 * TURNS_TO_GATHER {
        yield_now().await;
    }
    let stats = hub.stats();
    assert_eq!((stats.undelivered, stats.bytes_queued), (1, 0));
}

#[tokio::test]
async fn a_socket_that_is_refused_a_message_is_written_what_it_has() {
    /// Takes nothing, then all.
    #[derive(Debug, Default)]
    struct Gate {
        is_open: AtomicBool,
        taken: AtomicUsize,
    }
    impl SharedTransport for Gate {
        fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            if !self.is_open.load(Relaxed) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let written = slices.iter().map(|slice| slice.len()).sum();
            self.taken.fetch_add(written, Relaxed);
            Ok(written)
        }
    }

    let config = Config::new().max_queue_bytes(1_000);
    let hub = Arc::new(Hub::new(&config.overflow(Overflow::DropNewest)));
    let registration = hub.register(Identity::user("ann"), User::Claimed);
    let registration = registration.expect("room in the hub");
    registration.activate();
    let gate = Arc::new(Gate::default());
    registration.attach(gate.clone());
    assert!(registration.outbox().drain(&mut Sink).is_ok());
    // The first waits in the log; the second follows it into the socket's queue, and finds no room.
    let message = SocketMessage::new("x").text("x".repeat(600));
    assert_eq!(hub.broadcast(&message).queued, 1);
    assert_eq!(hub.broadcast(&message.to_user("ann")).dropped, 1);
    gate.is_open.store(true, Relaxed);
    for _ in 0..2 * TURNS_TO_GATHER {
        yield_now().await;
    }
    assert_eq!(hub.stats().messages_out, 1);
    assert!(gate.taken.load(Relaxed) > 600);
}

#[tokio::test]
async fn a_flusher_ends_although_the_queue_of_a_socket_that_left_is_to_be_written() {
    let hub = Arc::new(Hub::new(&Config::new()));
    let registration = hub.register(Identity::user("ann"), User::Claimed);
    let registration = registration.expect("room in the hub");
    registration.activate();
    registration.attach(Arc::new(Sink));
    let entry = registration.entry().clone();
    let crew = entry.crew().clone();
    drop(registration);
    hub.fanout.flush(entry);
    for _ in 0..2 * TURNS_TO_GATHER {
        yield_now().await;
    }
    assert!(!crew.is_running());
}

/// As one does whose only thread is in a handler.
#[test]
fn a_runtime_that_stands_still_delays_no_socket_while_another_goes_on() {
    let build = || runtime::Builder::new_current_thread().build().unwrap();
    let (still, other) = (build(), build());
    let hub = Arc::new(Hub::new(&Config::new()));
    let register = |runtime: &Runtime| {
        let _entered = runtime.enter();
        let registration = hub.register(Identity::anonymous(), User::Claimed);
        let registration = registration.expect("room in the hub");
        registration.activate();
        registration.attach(Arc::new(Sink));
        assert!(registration.outbox().drain(&mut Sink).is_ok());
        registration
    };
    let sockets = [register(&still), register(&other), register(&still)];
    assert_eq!(hub.broadcast(&SocketMessage::new("x")).queued, 3);
    other.block_on(async {
        for _ in 0..2 * TURNS_TO_GATHER {
            yield_now().await;
        }
    });
    let stats = hub.stats();
    assert_eq!((stats.messages_out, stats.bytes_queued), (3, 0));

    // What its end leaves is the other's.
    drop(still);
    assert_eq!(hub.broadcast(&SocketMessage::new("x")).queued, 3);
    other.block_on(async {
        for _ in 0..2 * TURNS_TO_GATHER {
            yield_now().await;
        }
    });
    assert_eq!(hub.stats().messages_out, 6);
    drop((other, sockets));
    assert_eq!(hub.stats().bytes_queued, 0);
}

#[test]
fn what_no_flusher_is_left_to_write_is_the_sockets_own_tasks() {
    let hub = Arc::new(Hub::new(&Config::new()));
    let runtime = runtime::Builder::new_current_thread().build().unwrap();
    let registration = runtime.block_on(async {
        let ann = hub.register(Identity::user("ann"), User::Claimed);
        let registration = ann.expect("room in the hub");
        registration.activate();
        registration.attach(Arc::new(Sink));
        registration
    });
    drop(runtime);
    let task = Watch::new(&hub);
    let waker = task.clone().into();
    for (number, to_group) in [(1, false), (2, true)] {
        registration
            .outbox()
            .attend(&mut Context::from_waker(&waker));
        assert!(registration.outbox().drain(&mut Sink).is_ok());
        let message = SocketMessage::new("x");
        if to_group {
            assert_eq!(hub.broadcast(&message.to_user("ann")).queued, 1);
        } else {
            hub.push(registration.entry(), &Frame::message(&message));
        }
        assert_eq!(task.wakes.load(Relaxed), number);
    }
}

/// Counts how often it is woken, and how often under a lock that all sockets share. There is one
/// thread, so a lock that is taken is held by the caller.
struct Watch {
    hub: Weak<Hub>,
    wakes: AtomicUsize,
    under_lock: AtomicUsize,
}

impl Watch {
    fn new(hub: &Arc<Hub>) -> Arc<Self> {
        Arc::new(Self {
            hub: Arc::downgrade(hub),
            wakes: AtomicUsize::new(0),
            under_lock: AtomicUsize::new(0),
        })
    }
}

impl Wake for Watch {
    fn wake(self: Arc<Self>) {
        let hub = self.hub.upgrade().expect("a hub outlives its sockets");
        let is_free = hub.state.try_lock().is_some() && hub.fanout.is_free();
        self.under_lock.fetch_add(usize::from(!is_free), Relaxed);
        self.wakes.fetch_add(1, Relaxed);
    }
}

#[tokio::test]
async fn no_task_is_woken_under_a_lock_that_all_sockets_share() {
    let hub = Arc::new(Hub::new(&Config::new()));
    let register = || {
        let registration = hub.register(Identity::user("ann"), User::Claimed);
        let registration = registration.expect("room in the hub");
        registration.activate();
        registration
    };
    let attached = register();
    attached.attach(Arc::new(Sink));
    let detached = register();

    // In the place of the flusher, which has had no turn yet.
    let flusher = Watch::new(&hub);
    let crew = attached.entry().crew();
    let mut work = pin!(crew.work().notified());
    let waker = flusher.clone().into();
    assert!(
        work.as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    let task = Watch::new(&hub);
    let waker = task.clone().into();
    let rest = || {
        detached.outbox().attend(&mut Context::from_waker(&waker));
        assert!(detached.outbox().drain(&mut Sink).is_ok());
    };

    rest();
    let message = SocketMessage::new("x");
    assert_eq!(hub.broadcast(&message).queued, 2);
    assert_eq!(
        (flusher.wakes.load(Relaxed), task.wakes.load(Relaxed)),
        (1, 1)
    );
    let id = detached.entry().id;
    rest();
    assert_eq!(hub.broadcast(&message.clone().to_connection(id)).queued, 1);
    rest();
    assert!(hub.reidentify(id, Identity::user("eve")).is_ok());
    rest();
    assert_eq!(hub.close_all(&CloseReason::NORMAL), 2);
    assert_eq!(task.wakes.load(Relaxed), 4);
    for watch in [flusher, task] {
        assert_eq!(watch.under_lock.load(Relaxed), 0);
    }
}
