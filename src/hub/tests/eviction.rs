//! A full hub: whose queues make room, and whose do not.

use std::{
    io::{self, IoSlice},
    sync::Arc,
};

use crate::{
    config::{Config, Overflow},
    frame::{COST_OF_KEEPING, Frame},
    hub::{Hub, Identity, Push, Registration, Transport, User, delivery::Kind},
    protocol::{CloseReason, SocketMessage},
};

const FRAME: usize = 1_000;

/// Takes all that is queued.
struct Sink;

impl Transport for Sink {
    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(slices.iter().map(|slice| slice.len()).sum())
    }

    fn try_flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn hub(overflow: Overflow) -> Arc<Hub> {
    let config = Config::new()
        .max_queue_bytes(64 * FRAME)
        .max_hub_queue_bytes(80 * FRAME)
        .overflow(overflow);
    Arc::new(Hub::new(&config))
}

fn join(hub: &Arc<Hub>, group: &str) -> Registration {
    let ann = Identity::user("ann").group(group);
    let registration = hub.register(ann, User::Claimed);
    let registration = registration.expect("room in the hub");
    registration.activate();
    registration
}

fn frame() -> Frame {
    Frame::text("x".repeat(FRAME - 4 - COST_OF_KEEPING).as_bytes())
}

fn fill(hub: &Hub, registration: &Registration, frames: usize) {
    for _ in 0..frames {
        let push = hub.queue(registration.entry(), &frame(), Kind::Broadcast).0;
        assert_eq!(push, Push::Queued);
    }
}

#[tokio::test]
async fn slow_sockets_pay_for_a_full_hub_and_a_quick_one_does_not() {
    for overflow in [Overflow::Close, Overflow::DropNewest, Overflow::DropOldest] {
        let hub = hub(overflow);
        let slow: Vec<_> = (0..3).map(|_| join(&hub, "slow")).collect();
        let quick = join(&hub, "quick");
        let begun = join(&hub, "quick");
        fill(&hub, &begun, 3);
        for number in 0..200 {
            for slow in &slow {
                hub.queue(slow.entry(), &frame(), Kind::Broadcast);
            }
            // Two at once: the second one finds something in the queue.
            fill(&hub, &quick, 2);
            assert!(hub.stats().bytes_queued <= 80 * FRAME, "{number}");
            assert!(quick.outbox().drain(&mut Sink).is_ok());
        }
        assert_eq!(quick.outbox().undelivered(), 0, "{overflow:?}");
        // Nor does one that has little, and has had no turn to write it.
        assert_eq!(begun.outbox().undelivered(), 0, "{overflow:?}");
        let lost: u64 = slow.iter().map(|slow| slow.outbox().undelivered()).sum();
        assert!(lost > 0);
        assert_eq!(hub.stats().undelivered, lost);
        let left = if overflow == Overflow::Close { 2 } else { 5 };
        assert_eq!(hub.len(), left);
        let expected = (overflow == Overflow::Close).then_some(CloseReason::SLOW);
        assert!(slow.iter().all(|slow| slow.outbox().closing() == expected));
    }
}

#[tokio::test]
async fn the_fullest_are_closed_and_others_stay() {
    let hub = hub(Overflow::Close);
    let large = join(&hub, "g");
    let medium = join(&hub, "g");
    let small = join(&hub, "g");
    fill(&hub, &large, 40);
    fill(&hub, &medium, 30);
    fill(&hub, &small, 10);
    fill(&hub, &small, 1);
    assert_eq!(large.outbox().closing(), Some(CloseReason::SLOW));
    assert_eq!(large.outbox().undelivered(), 40);
    assert_eq!(
        (medium.outbox().closing(), small.outbox().closing()),
        (None, None)
    );
    assert_eq!(hub.len(), 2);
}

#[tokio::test]
async fn a_socket_known_to_be_blocked_pays_first() {
    struct Full;
    impl Transport for Full {
        fn try_write(&mut self, _: &[IoSlice<'_>]) -> io::Result<usize> {
            Err(io::ErrorKind::WouldBlock.into())
        }

        fn try_flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let hub = hub(Overflow::DropOldest);
    let without_turn = join(&hub, "g");
    let blocked = join(&hub, "g");
    let _idle = join(&hub, "g");
    fill(&hub, &without_turn, 41);
    fill(&hub, &blocked, 39);
    assert!(blocked.outbox().drain(&mut Full).is_ok());
    fill(&hub, &without_turn, 1);
    assert_eq!(without_turn.outbox().undelivered(), 0);
    assert!(blocked.outbox().undelivered() >= 10);
}

#[tokio::test]
async fn each_socket_has_its_share_however_full_the_hub_is() {
    let hub = hub(Overflow::Close);
    let sockets: Vec<_> = (0..100).map(|_| join(&hub, "g")).collect();
    // Each empty queue takes one large message, and none can make room.
    for socket in &sockets {
        fill(&hub, socket, 1);
    }
    assert!(hub.stats().bytes_queued > 80 * FRAME);
    let newcomer = join(&hub, "g");
    let short = Frame::text(&[b'x'; 240]);
    assert_eq!(
        hub.queue(newcomer.entry(), &short, Kind::Broadcast).0,
        Push::Queued
    );
    assert_eq!(
        hub.queue(newcomer.entry(), &short, Kind::Broadcast).0,
        Push::Queued
    );
    assert_eq!(
        hub.queue(newcomer.entry(), &short, Kind::Broadcast).0,
        Push::Overflow
    );
    assert_eq!(hub.len(), 100);
}

#[tokio::test]
async fn what_a_closing_socket_was_to_get_makes_room() {
    let hub = hub(Overflow::Close);
    let closing = join(&hub, "g");
    let open = join(&hub, "g");
    fill(&hub, &closing, 60);
    hub.close(closing.entry().id, &CloseReason::NORMAL);
    fill(&hub, &open, 30);
    assert_eq!(closing.outbox().closing(), Some(CloseReason::NORMAL));
    assert!(closing.outbox().undelivered() > 0);
    assert_eq!(open.outbox().undelivered(), 0);
}

#[tokio::test]
async fn a_broadcast_to_all_makes_room_before_it_detaches_a_socket() {
    let hub = hub(Overflow::Close);
    let slow = join(&hub, "g");
    fill(&hub, &slow, 60);
    let quick = join(&hub, "g");
    let large = SocketMessage::new("x").text("x".repeat(30 * FRAME));
    assert_eq!(hub.broadcast(&large).queued, 1);
    assert_eq!(slow.outbox().closing(), Some(CloseReason::SLOW));
    assert_eq!(quick.outbox().closing(), None);
}
