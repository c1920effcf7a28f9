//! A full log: who writes then, and what becomes of messages that find no room.

use std::{
    io::{self, IoSlice},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use tokio::task::yield_now;

use super::flushers::Sink;
use crate::{
    config::{Config, Overflow},
    hub::{Drained, Hub, Identity, Registration, SharedTransport, User, delivery::TURNS_TO_GATHER},
    protocol::SocketMessage,
};

#[tokio::test]
async fn a_burst_without_a_turn_for_the_flusher_is_not_queued_for_each_socket() {
    let config = Config::new().max_queue_bytes(64 * 1024);
    let hub = Arc::new(Hub::new(&config));
    let sockets: Vec<_> = (0..100).map(|_| attached(&hub, Arc::new(Sink))).collect();
    for _ in 0..5_000 {
        let report = hub.broadcast(&SocketMessage::new("x").text("x".repeat(100)));
        assert_eq!(report.queued, sockets.len());
        assert!(hub.stats().bytes_queued <= 64 * 1024);
    }
    for _ in 0..2 * TURNS_TO_GATHER {
        yield_now().await;
    }
    let stats = hub.stats();
    assert_eq!((stats.messages_out, stats.bytes_queued), (500_000, 0));
    assert_eq!((stats.dropped, stats.undelivered), (0, 0));
}

#[tokio::test]
async fn a_call_that_finds_the_log_full_writes_for_a_while_and_then_says_what_it_dropped() {
    /// Takes all, and takes its time for it.
    #[derive(Debug, Default)]
    struct Slow(AtomicUsize);
    impl SharedTransport for Slow {
        fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            thread::sleep(Duration::from_micros(100));
            self.0.fetch_add(1, Relaxed);
            Ok(slices.iter().map(|slice| slice.len()).sum())
        }
    }

    const LIMIT: usize = 8 * 1024;
    let hub = Arc::new(Hub::new(&Config::new().max_queue_bytes(LIMIT)));
    let slow = Arc::new(Slow::default());
    let sockets: Vec<_> = (0..2_000).map(|_| attached(&hub, slow.clone())).collect();
    let (mut queued, mut dropped) = (0, 0);
    for _ in 0..30 {
        let before = slow.0.load(Relaxed);
        let report = hub.broadcast(&SocketMessage::new("x").text("x".repeat(1_000)));
        assert_eq!(report.matched, sockets.len());
        assert_eq!(report.matched, report.queued + report.dropped);
        // A row takes more than a tenth of the time that a call goes on for.
        assert!(slow.0.load(Relaxed) - before <= 10 * 128);
        assert!(hub.stats().bytes_queued <= LIMIT);
        queued += report.queued as u64;
        dropped += report.dropped as u64;
    }
    assert!(dropped > 0 && queued > 0);
    while hub.stats().bytes_queued > 0 {
        yield_now().await;
    }
    let stats = hub.stats();
    assert_eq!((stats.messages_out, stats.dropped), (queued, dropped));
    assert_eq!(stats.undelivered, 0);
}

#[tokio::test]
async fn messages_that_do_not_fit_side_by_side_find_room_while_sockets_take_them() {
    let hub = Arc::new(Hub::new(&Config::new().max_queue_bytes(64 * 1024)));
    let sockets: Vec<_> = (0..300).map(|_| attached(&hub, Arc::new(Sink))).collect();
    for _ in 0..20 {
        let report = hub.broadcast(&SocketMessage::new("x").text("x".repeat(33 * 1024)));
        assert_eq!((report.queued, report.dropped), (sockets.len(), 0));
    }
}

#[tokio::test]
async fn a_call_that_detaches_the_last_sockets_leaves_no_batch_behind() {
    /// Takes nothing, then all.
    #[derive(Debug, Default)]
    struct Gate(AtomicBool);
    impl SharedTransport for Gate {
        fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            if self.0.load(Relaxed) {
                Ok(slices.iter().map(|slice| slice.len()).sum())
            } else {
                Err(io::ErrorKind::WouldBlock.into())
            }
        }
    }

    const LIMIT: usize = 8 * 1024 * 1024;
    let config = Config::new().max_queue_bytes(LIMIT);
    let hub = Arc::new(Hub::new(&config.overflow(Overflow::DropNewest)));
    let gate = Arc::new(Gate::default());
    let socket = attached(&hub, gate.clone());
    for _ in 0..63 {
        hub.broadcast(&SocketMessage::new("x").text("x".repeat(64 * 1024)));
    }
    for _ in 0..2 {
        hub.broadcast(&SocketMessage::new("x").text("x".repeat(3 * 1024 * 1024)));
    }
    // It comes back, and gets what is said then.
    gate.0.store(true, Relaxed);
    let drained = socket.outbox().drain(&mut Sink);
    assert_eq!(drained.ok(), Some(Drained::Reattach));
    socket.reattach();
    for _ in 0..2 * TURNS_TO_GATHER {
        yield_now().await;
    }
    let before = hub.stats().messages_out;
    assert_eq!(hub.broadcast(&SocketMessage::new("x")).queued, 1);
    for _ in 0..2 * TURNS_TO_GATHER {
        yield_now().await;
    }
    assert_eq!(hub.stats().messages_out, before + 1);
    assert_eq!(hub.stats().bytes_queued, 0);
}

/// Opens a socket that takes broadcasts to all from the log.
fn attached(hub: &Arc<Hub>, transport: Arc<dyn SharedTransport>) -> Registration {
    let registration = hub.register(Identity::anonymous(), User::Claimed);
    let registration = registration.expect("room in the hub");
    registration.activate();
    registration.attach(transport);
    assert!(registration.outbox().drain(&mut Sink).is_ok());
    registration
}
