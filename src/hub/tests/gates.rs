//! Gated sockets in the hub: where they stand in the fan-out, and who writes what comes out.

use std::{
    sync::Arc,
    task::{Context, Waker},
};

use tokio::task::yield_now;

use super::flushers::Sink;
use crate::{
    config::{Config, Overflow},
    frame::Frame,
    hub::{
        Drained, Hub, Identity, Registration, User,
        delivery::{Awaited, Opening, TURNS_TO_GATHER},
    },
    protocol::{CloseReason, SocketMessage},
};

#[derive(Debug)]
struct Impatient;

impl Awaited for Impatient {
    fn give_up(&self) -> Frame {
        Frame::text(b"lost")
    }
}

fn gated(hub: &Arc<Hub>) -> Registration {
    let registration = hub.register(Identity::user("ann"), User::Claimed);
    let registration = registration.expect("room in the hub");
    registration.outbox().shut_gate(Arc::new(Impatient));
    registration.activate();
    registration
}

fn open(hub: &Hub, registration: &Registration) {
    hub.open_gate(
        registration.entry(),
        Opening {
            first: Frame::text(b"first"),
            replay: Vec::new(),
            seen: Vec::new(),
        },
    );
}

/// As the task of a socket does, whose stream takes all.
fn rest(registration: &Registration) -> Option<Drained> {
    let outbox = registration.outbox();
    outbox.attend(&mut Context::from_waker(Waker::noop()));
    outbox.drain(&mut Sink).ok()
}

/// Lets the flusher go on until it waits.
async fn turns() {
    for _ in 0..2 * TURNS_TO_GATHER {
        yield_now().await;
    }
}

#[tokio::test]
async fn a_socket_takes_broadcasts_from_the_log_once_what_came_out_is_written() {
    let hub = Arc::new(Hub::new(&Config::new()));
    let registration = gated(&hub);
    registration.attach(Arc::new(Sink));
    assert_eq!(rest(&registration), Some(Drained::Empty));
    let message = SocketMessage::new("x");
    assert_eq!(hub.broadcast(&message).queued, 1);
    assert_eq!(hub.broadcast(&message.clone().to_user("ann")).queued, 1);
    turns().await;
    assert_eq!(hub.stats().messages_out, 0);
    assert!(!registration.outbox().is_attached());

    // Its task is at rest: a flusher writes, and attaches it.
    open(&hub, &registration);
    turns().await;
    assert_eq!(hub.stats().messages_out, 3);
    assert!(registration.outbox().is_attached());
    assert_eq!(hub.broadcast(&message).queued, 1);
    turns().await;
    let stats = hub.stats();
    assert_eq!((stats.messages_out, stats.bytes_queued), (4, 0));
}

#[tokio::test]
async fn a_gate_that_opens_before_the_stream_is_there_is_forgotten() {
    let hub = Arc::new(Hub::new(&Config::new()));
    let registration = gated(&hub);
    open(&hub, &registration);
    registration.attach(Arc::new(Sink));
    assert!(registration.outbox().is_attached());
    assert_eq!(rest(&registration), Some(Drained::Empty));
    assert_eq!(hub.stats().messages_out, 1);
}

#[tokio::test]
async fn a_hub_without_room_opens_the_gates_behind_which_most_waits() {
    for overflow in [Overflow::Close, Overflow::DropOldest] {
        let config = Config::new().max_hub_queue_bytes(8_000).overflow(overflow);
        let hub = Arc::new(Hub::new(&config));
        let gated = gated(&hub);
        gated.attach(Arc::new(Sink));
        assert_eq!(rest(&gated), Some(Drained::Empty));
        let message = SocketMessage::new("x").text("x".repeat(400));
        for _ in 0..100 {
            assert_eq!(hub.broadcast(&message.clone().to_user("ann")).queued, 1);
        }
        // It was no slow reader: all came, and what tells of the loss.
        assert_eq!(rest(&gated), Some(Drained::Reattach));
        let stats = hub.stats();
        assert_eq!((stats.messages_out, stats.bytes_queued), (101, 0));
        assert_eq!((stats.dropped, stats.undelivered), (0, 0));
    }
}

#[tokio::test]
async fn a_gated_socket_is_closed_and_leaves_like_any_other() {
    let hub = Arc::new(Hub::new(&Config::new()));
    let [closed, left] = [(); 2].map(|()| gated(&hub));
    closed.attach(Arc::new(Sink));
    assert_eq!(hub.broadcast(&SocketMessage::new("x")).queued, 2);
    let id = closed.entry().id;
    assert_eq!(hub.close(id, &CloseReason::NORMAL), 1);
    assert_eq!(rest(&closed), Some(Drained::Closed));
    open(&hub, &closed);
    drop((closed, left));
    let stats = hub.stats();
    assert_eq!((stats.messages_out, stats.undelivered), (1, 1));
    assert_eq!((stats.bytes_queued, stats.sockets), (0, 0));
}
