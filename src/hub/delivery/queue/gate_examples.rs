//! A gate by example: what waits behind it, and what leaves when it opens.

use std::{
    io::{self, IoSlice},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Wake as Task},
};

use super::{
    Awaited, Backlog, Drained, Kind, Opening, Outbox, Push, SharedTransport, Wake,
    state::Phase,
    tests::{Pipe, drain},
};
use crate::{
    config::Overflow,
    frame::{COST_OF_KEEPING, Frame, StreamMark},
    hub::counters::{Counters, Tally},
    protocol::CloseReason,
};

#[derive(Debug)]
struct Impatient;

impl Awaited for Impatient {
    fn give_up(&self) -> Frame {
        Frame::text(b"lost")
    }
}

/// Takes everything.
#[derive(Debug)]
struct Sink;

impl SharedTransport for Sink {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(slices.iter().map(|slice| slice.len()).sum())
    }
}

fn gated(limit: usize, overflow: Overflow) -> Outbox {
    let outbox = Outbox::new(limit, overflow, Arc::new(Counters::new(usize::MAX)));
    outbox.shut_gate(Arc::new(Impatient));
    outbox
}

fn mark(stream: u64, offset: u64) -> StreamMark {
    StreamMark {
        stream,
        epoch: 1,
        offset,
    }
}

fn of_stream(stream: u64, offset: u64) -> Frame {
    let text = format!("{stream}.{offset}");
    Frame::marked(mark(stream, offset), 0, |out| {
        out.extend_from_slice(text.as_bytes());
    })
}

fn push(outbox: &Outbox, frame: &Frame) -> Push {
    outbox.lock().push(frame, Kind::Broadcast, usize::MAX).0
}

fn open(outbox: &Outbox, replay: Vec<Frame>, seen: &[StreamMark]) -> Option<Wake> {
    let seen = seen.to_vec();
    let first = Frame::text(b"first");
    let (_, wake) = outbox.open_gate(Opening {
        first,
        replay,
        seen,
    });
    wake
}

/// The texts of all that is written now.
fn texts(outbox: &Outbox) -> Vec<String> {
    let mut pipe = Pipe::default();
    drain(outbox, &mut pipe, usize::MAX);
    let mut texts = Vec::new();
    let mut rest = &pipe.taken[..];
    while let [_, length, behind @ ..] = rest {
        let (text, behind) = behind.split_at(usize::from(*length));
        texts.push(String::from_utf8_lossy(text).into_owned());
        rest = behind;
    }
    texts
}

#[test]
fn no_overflow_drops_what_the_client_is_told_that_it_gets() {
    for overflow in [Overflow::DropOldest, Overflow::DropNewest] {
        let outbox = gated(20 * COST_OF_KEEPING, overflow);
        assert_eq!(push(&outbox, &of_stream(1, 3)), Push::Queued);
        assert_eq!(push(&outbox, &Frame::text(b"waits")), Push::Queued);
        let missed = [1, 2, 3].map(|offset| of_stream(1, offset));
        open(&outbox, missed.to_vec(), &[]);
        for _ in 0..100 {
            push(&outbox, &Frame::text(b"comes"));
        }
        let texts = texts(&outbox);
        assert_eq!(texts[..4], ["first", "1.1", "1.2", "1.3"]);
        assert!(texts.len() < 20, "{}", texts.len());
    }
}

#[test]
fn a_socket_without_a_gate_has_no_room_for_one() {
    assert_eq!(size_of::<Phase>(), size_of::<Option<CloseReason>>());
    assert_eq!(size_of::<Frame>(), size_of::<bytes::Bytes>());
}

#[test]
fn while_it_is_shut_only_what_keeps_the_connection_alive_passes() {
    let outbox = gated(1024, Overflow::Close);
    outbox.set_transport(Arc::new(Sink));
    assert_eq!(push(&outbox, &Frame::text(b"news")), Push::Queued);
    outbox.ping();
    outbox.pong(b"x");
    outbox.life_sign();
    let mut pipe = Pipe::default();
    assert_eq!(drain(&outbox, &mut pipe, 1_000), Drained::Empty);
    let life_sign = Frame::life_sign();
    let expected = [b"\x89\x00\x8a\x01x", life_sign.as_bytes()];
    assert_eq!(pipe.taken, expected.concat());
    let mut tally = Tally::default();
    assert_eq!(outbox.flush(&mut tally), Drained::Empty);
    assert!(outbox.lock().is_gated() && outbox.is_open());
    assert_eq!(outbox.counters.bytes_queued(), Frame::text(b"news").cost());
    // The task has nothing to do, and flushers write what comes out.
    assert!(matches!(
        open(&outbox, Vec::new(), &[]),
        Some(Wake::Flusher)
    ));
    assert_eq!(outbox.flush(&mut tally), Drained::Reattach);
    outbox.counters.record(tally);
    assert_eq!(
        (outbox.counters.bytes_queued(), outbox.undelivered()),
        (0, 0)
    );
}

#[test]
fn what_was_queued_before_passes() {
    let outbox = Outbox::new(1024, Overflow::Close, Arc::new(Counters::new(1 << 20)));
    outbox
        .lock()
        .push(&Frame::text(b"hi"), Kind::Reply, usize::MAX);
    outbox.shut_gate(Arc::new(Impatient));
    push(&outbox, &Frame::text(b"news"));
    assert_eq!(texts(&outbox), ["hi"]);
    open(&outbox, Vec::new(), &[]);
    assert_eq!(texts(&outbox), ["first", "news"]);
}

#[test]
fn what_was_missed_comes_before_what_waits_and_once() {
    let outbox = gated(4096, Overflow::Close);
    for frame in [
        Frame::text(b"one"),
        of_stream(7, 4),
        Frame::text(b"two"),
        of_stream(8, 2),
        of_stream(7, 5),
    ] {
        push(&outbox, &frame);
    }
    let replay = [(7, 2), (7, 3), (7, 4), (7, 5), (8, 1), (8, 2)];
    let replay = replay.map(|(stream, offset)| of_stream(stream, offset));
    assert_eq!(outbox.waiting_up_to(mark(7, 4)), 1);
    open(&outbox, replay.into(), &[mark(7, 1), mark(8, 0)]);
    let expected = [
        "first", "7.2", "7.3", "8.1", "one", "7.4", "two", "8.2", "7.5",
    ];
    assert_eq!(texts(&outbox), expected);
    assert_eq!(outbox.waiting_up_to(mark(7, 9)), 0);
    assert!(open(&outbox, vec![of_stream(7, 6)], &[]).is_none());
    assert_eq!(texts(&outbox), [""; 0], "it opens once");
}

#[test]
fn what_the_client_has_from_another_node_is_left_out() {
    let outbox = gated(4096, Overflow::Close);
    let void = StreamMark {
        epoch: 0,
        ..mark(7, 1)
    };
    for frame in [
        of_stream(7, 2),
        of_stream(7, 3),
        of_stream(8, 1),
        Frame::marked(void, 0, |out| out.extend_from_slice(b"void")),
    ] {
        push(&outbox, &frame);
    }
    open(&outbox, Vec::new(), &[mark(7, 2), void]);
    assert_eq!(texts(&outbox), ["first", "7.3", "8.1", "void"]);
    assert_eq!(
        (outbox.counters.bytes_queued(), outbox.undelivered()),
        (0, 0)
    );
}

#[test]
fn it_gives_up_when_more_waits_than_half_of_the_queue() {
    let cost = 2 + 3 + COST_OF_KEEPING;
    let outbox = gated(5 * cost, Overflow::Close);
    let pushed = [4, 5].map(|offset| push(&outbox, &of_stream(7, offset)));
    assert_eq!(pushed, [Push::Queued; 2]);
    assert_eq!(texts(&outbox), [""; 0]);
    // It makes way for the limit of the queue itself.
    assert_eq!(push(&outbox, &of_stream(7, 6)), Push::Queued);
    assert!(!outbox.lock().is_gated());
    assert!(open(&outbox, vec![of_stream(7, 3)], &[]).is_none());
    assert_eq!(texts(&outbox), ["lost", "7.4", "7.5", "7.6"]);
}

#[test]
fn an_empty_one_takes_a_message_that_exceeds_every_bound() {
    let outbox = gated(4, Overflow::Close);
    assert_eq!(push(&outbox, &of_stream(7, 4)), Push::Queued);
    assert!(outbox.lock().is_gated());
    open(&outbox, vec![of_stream(7, 3)], &[]);
    assert_eq!(texts(&outbox), ["first", "7.3", "7.4"]);
}

#[test]
fn it_gives_up_for_a_hub_without_room_and_wakes_the_task() {
    #[derive(Default)]
    struct Woken(AtomicUsize);
    impl Task for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    let outbox = gated(1 << 20, Overflow::DropNewest);
    let task = Arc::new(Woken::default());
    push(&outbox, &of_stream(7, 4));
    outbox.attend(&mut Context::from_waker(&task.clone().into()));
    assert_eq!(texts(&outbox), [""; 0]);
    assert_eq!(outbox.usage(1_000), None);
    assert!(outbox.lock().is_gated());
    // It holds one frame of the client's, and one more now.
    assert!(outbox.usage(10).is_some());
    assert_eq!(task.0.load(Relaxed), 1);
    assert_eq!(texts(&outbox), ["lost", "7.4"]);

    let outbox = gated(1 << 20, Overflow::DropNewest);
    let pushed = [4, 5].map(|offset| {
        let frame = of_stream(7, offset);
        outbox.lock().push(&frame, Kind::Broadcast, 80).0
    });
    assert_eq!(pushed, [Push::Queued, Push::Dropped]);
    assert_eq!(texts(&outbox), ["lost", "7.4"]);
}

#[test]
fn a_close_lets_out_what_the_client_cannot_ask_for_again() {
    let void = StreamMark {
        epoch: 0,
        ..mark(7, 1)
    };
    for (backlog, expected, undelivered) in [
        (Backlog::Deliver, &["news", "void"][..], 1),
        (Backlog::Discard, &[], 3),
    ] {
        let outbox = gated(1024, Overflow::Close);
        for frame in [
            Frame::text(b"news"),
            of_stream(7, 4),
            Frame::marked(void, 0, |out| out.extend_from_slice(b"void")),
        ] {
            push(&outbox, &frame);
        }
        assert!(outbox.close(CloseReason::NO_STATUS, backlog));
        assert!(!outbox.is_open() && !outbox.close(CloseReason::NORMAL, backlog));
        assert_eq!(outbox.closing(), Some(CloseReason::NO_STATUS));
        assert_eq!(push(&outbox, &of_stream(7, 5)), Push::Closed);
        assert!(open(&outbox, vec![of_stream(7, 3)], &[]).is_none());
        let close = &[""][..];
        assert_eq!(texts(&outbox), [expected, close].concat(), "{backlog:?}");
        assert_eq!(outbox.undelivered(), undelivered);
        assert_eq!(outbox.counters.bytes_queued(), 0);
    }
}

#[test]
fn what_waits_when_the_session_ends_counts_as_undelivered() {
    let outbox = gated(1024, Overflow::Close);
    push(&outbox, &Frame::text(b"news"));
    push(&outbox, &of_stream(7, 4));
    outbox.finish();
    assert_eq!(
        (outbox.counters.bytes_queued(), outbox.undelivered()),
        (0, 2)
    );
    assert!(open(&outbox, vec![of_stream(7, 3)], &[]).is_none());
    assert_eq!(
        (outbox.counters.bytes_queued(), outbox.undelivered()),
        (0, 2)
    );
}
