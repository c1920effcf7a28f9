//! Numbers, bounds and what publishers are told.

use std::{pin::pin, task::Poll, time::Duration};

use futures_util::poll;
use tokio::time::advance;

use super::outgoing::{Batch, Outgoing, Totals};
use crate::{
    backplane::{Arrival, BackplaneError, Command, Topic},
    hub::cluster::{
        node_id::NodeId,
        wire::{self, Draft, MAX_FRAME, Pulse},
    },
    protocol::{Forwarded, NotForwarded, Receipt},
};

fn open() -> Outgoing {
    let outgoing = Outgoing::new(NodeId(1), 2);
    outgoing.open();
    outgoing
}

fn message(topic: Topic, bytes: usize) -> Draft {
    let json = format!("{{{}}}", " ".repeat(bytes.saturating_sub(2)));
    Draft::message(topic, &[], json.as_bytes())
}

/// The topics and numbers of what is published in a batch.
fn published(batch: &Batch<'_>) -> Vec<(Topic, u64)> {
    let commands = batch.commands.iter();
    let numbers = commands.filter_map(|command| match command {
        Command::Publish(topic, payload) => {
            let arrival = Arrival::new(*topic, payload.clone());
            Some((*topic, wire::read(&arrival, None).ok()?.number))
        }
        _ => None,
    });
    numbers.collect()
}

#[tokio::test(start_paused = true)]
async fn messages_have_numbers_whether_or_not_they_can_be_sent() {
    let outgoing = Outgoing::new(NodeId(1), 2);
    let topic = Topic::partition(3);
    let stays = |bytes| outgoing.message(message(topic, bytes)).unwrap_err();
    assert_eq!(stays(1), NotForwarded::Disconnected);
    outgoing.open();
    assert_eq!(stays(MAX_FRAME), NotForwarded::TooLarge);
    outgoing.skip(topic);
    let sent = outgoing.message(message(topic, 1)).unwrap();
    outgoing.mark(topic, 0);
    outgoing.mark(topic, 0);
    outgoing.message(message(Topic::ALL, 1)).unwrap();
    let batch = outgoing.next(None).await;
    let expected = [(topic, 4), (topic, 4), (Topic::ALL, 1)];
    assert_eq!(published(&batch), expected, "one mark says as much as two");
    batch.settle(Ok(()));
    assert_eq!(sent.peek(), Some(Forwarded::Yes));
    let totals = Totals {
        forwarded: 2,
        not_forwarded: 3,
        unknown: 0,
    };
    assert_eq!(outgoing.totals(), totals);
}

#[tokio::test(start_paused = true)]
async fn the_queue_is_bounded_in_bytes_and_time() {
    let outgoing = open();
    let large = || outgoing.message(message(Topic::ALL, 1_000_000));
    let waiting: Vec<_> = (0..4).map(|_| large().unwrap()).collect();
    assert_eq!(large().unwrap_err(), NotForwarded::QueueFull);
    advance(Duration::from_secs(1)).await;
    let last = large().unwrap();
    let expired = Some(Forwarded::No(NotForwarded::Expired));
    assert_eq!(waiting[0].peek(), expired, "it made room");
    let batch = outgoing.next(None).await;
    assert_eq!(published(&batch), [(Topic::ALL, 6)]);
    assert!(waiting.iter().all(|ticket| ticket.peek() == expired));
    batch.settle(Ok(()));
    assert_eq!(last.peek(), Some(Forwarded::Yes));
}

#[tokio::test(start_paused = true)]
async fn publishers_are_told_what_the_link_says_of_its_end() {
    let outgoing = open();
    for (error, expected) in [
        (BackplaneError::unconfirmed("x"), Forwarded::Unknown),
        (
            BackplaneError::not_sent("x"),
            Forwarded::No(NotForwarded::NotSent),
        ),
    ] {
        let ticket = outgoing.message(message(Topic::ALL, 1)).unwrap();
        outgoing.next(None).await.settle(Err(&error));
        assert_eq!(ticket.peek(), Some(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_gets_a_bounded_part() {
    let outgoing = open();
    for _ in 0..1_000 {
        outgoing.message(message(Topic::ALL, 1)).unwrap();
    }
    for expected in [512, 488] {
        let batch = outgoing.next(None).await;
        assert_eq!(batch.commands.len(), expected);
        batch.settle(Ok(()));
    }
    for _ in 0..3 {
        outgoing.message(message(Topic::ALL, 200 << 10)).unwrap();
    }
    assert_eq!(outgoing.next(None).await.commands.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_given_up_is_unknown_and_what_waits_stays() {
    let outgoing = open();
    let sent = outgoing.message(message(Topic::ALL, 1)).unwrap();
    let batch = outgoing.next(None).await;
    let waits = outgoing.message(message(Topic::ALL, 1)).unwrap();
    drop(batch);
    outgoing.close();
    assert_eq!(sent.peek(), Some(Forwarded::Unknown));
    let stays = Some(Forwarded::No(NotForwarded::Disconnected));
    assert_eq!(waits.peek(), stays);
    let mut next = pin!(outgoing.next(None));
    assert!(matches!(poll!(&mut next), Poll::Pending));
    outgoing.open();
    outgoing.subscribe(Topic::ALL);
    assert_eq!(next.await.commands, [Command::Subscribe(Topic::ALL)]);
}

#[tokio::test(start_paused = true)]
async fn answers_take_no_room_of_messages_and_heartbeats_have_always_room() {
    let outgoing = open();
    let answer = || Draft::answer(NodeId(3), 1, 0, true, &vec![b'x'; 1_000_000]);
    let taken = (0..10).filter(|_| outgoing.other(answer())).count();
    assert_eq!(taken, 4);
    let large = || outgoing.message(message(Topic::ALL, 1_000_000));
    let waiting: Vec<_> = (0..4).map(|_| large().unwrap()).collect();
    assert_eq!(large().unwrap_err(), NotForwarded::QueueFull);
    outgoing.beat(Draft::beat(&Pulse::default()));
    advance(Duration::from_secs(1)).await;
    large().expect("those behind the answers are expired");
    assert!(waiting[0].peek().is_some());
    let mut sent = 0;
    while sent < 6 {
        let batch = outgoing.next(None).await;
        sent += batch.commands.len();
        batch.settle(Ok(()));
    }
    assert_eq!(outgoing.totals().forwarded, 1);
    assert!(outgoing.other(answer()), "there is room again");
}

#[tokio::test]
async fn what_no_broker_carries_is_not_asked() {
    let outgoing = open();
    let part = vec![b'x'; MAX_FRAME];
    assert!(!outgoing.other(Draft::answer(NodeId(3), 1, 0, true, &part)));
    outgoing.close();
    assert!(!outgoing.other(Draft::answer(NodeId(3), 1, 0, true, b"x")));
}
