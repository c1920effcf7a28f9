//! The queue by example: what leaves in which order, and what a full one does.

use std::{
    io::{self, IoSlice},
    sync::Arc,
    task::{Context, Waker},
};

use super::{Drained, Kind, Outbox, Push, SharedTransport, Transport};
use crate::{
    config::Overflow,
    frame::{COST_OF_KEEPING, Frame},
    hub::{
        counters::{Counters, Tally},
        delivery::{batch::Batch, broadcast_log::BroadcastLog},
    },
    protocol::CloseReason,
};

/// Takes a limited number of bytes and keeps them.
#[derive(Default)]
pub(super) struct Pipe {
    room: usize,
    pub(super) taken: Vec<u8>,
    calls: usize,
}

impl Transport for Pipe {
    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.calls += 1;
        let before = self.taken.len();
        for slice in slices {
            let take = slice.len().min(self.room);
            self.taken.extend_from_slice(&slice[..take]);
            self.room -= take;
        }
        match self.taken.len() - before {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            written => Ok(written),
        }
    }

    fn try_flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn outbox(limit: usize) -> Outbox {
    outbox_with(limit, Overflow::Close)
}

/// What so many frames with so many bytes of text cost.
fn room(frames: usize, text: usize) -> usize {
    frames * (2 + text + COST_OF_KEEPING)
}

/// What is in the log, as it is written to all sockets.
fn batch(log: &mut BroadcastLog) -> Arc<Batch> {
    assert!(log.close_batch());
    log.end_batch().expect("it was closed")
}

fn outbox_with(limit: usize, overflow: Overflow) -> Outbox {
    Outbox::new(limit, overflow, Arc::new(Counters::new(usize::MAX)))
}

fn push(outbox: &Outbox, frame: &Frame) -> Push {
    push_within(outbox, frame, usize::MAX)
}

fn push_within(outbox: &Outbox, frame: &Frame, reserved: usize) -> Push {
    outbox.lock().push(frame, Kind::Broadcast, reserved).0
}

fn reply(outbox: &Outbox, frame: &Frame) -> Push {
    outbox.lock().push(frame, Kind::Reply, usize::MAX).0
}

pub(super) fn drain(outbox: &Outbox, pipe: &mut Pipe, room: usize) -> Drained {
    pipe.room = room;
    outbox.drain(pipe).unwrap()
}

#[test]
fn all_queued_frames_leave_in_one_call() {
    let outbox = outbox(1024);
    for text in ["a", "bc", "def"] {
        assert_eq!(push(&outbox, &Frame::text(text.as_bytes())), Push::Queued);
    }
    let mut pipe = Pipe::default();
    assert_eq!(drain(&outbox, &mut pipe, 100), Drained::Empty);
    assert_eq!(pipe.taken, b"\x81\x01a\x81\x02bc\x81\x03def");
    assert_eq!(pipe.calls, 1);
}

#[test]
fn a_partial_write_goes_on_at_its_byte() {
    let outbox = outbox(1024);
    push(&outbox, &Frame::text(b"hello"));
    push(&outbox, &Frame::text(b"world"));
    let mut pipe = Pipe::default();
    for _ in 0..13 {
        assert_eq!(drain(&outbox, &mut pipe, 1), Drained::Blocked);
    }
    assert_eq!(drain(&outbox, &mut pipe, 1), Drained::Empty);
    assert_eq!(pipe.taken, b"\x81\x05hello\x81\x05world");
}

#[test]
fn an_overflow_drops_the_backlog_and_closes_after_the_frame_in_flight() {
    let outbox = outbox(room(2, 8));
    let frame = Frame::text(b"12345678");
    assert_eq!(push(&outbox, &frame), Push::Queued);
    let mut pipe = Pipe::default();
    assert_eq!(drain(&outbox, &mut pipe, 3), Drained::Blocked);
    assert_eq!(push(&outbox, &frame), Push::Queued);
    assert_eq!(push(&outbox, &frame), Push::Overflow);
    assert_eq!(push(&outbox, &frame), Push::Closed);
    assert_eq!(outbox.undelivered(), 1);
    assert_eq!(drain(&outbox, &mut pipe, 100), Drained::Closed);
    assert_eq!(pipe.taken, b"\x81\x0812345678\x88\x06\x03\xf5slow");
}

#[test]
fn an_empty_queue_takes_a_frame_that_exceeds_every_bound() {
    let outbox = outbox(4);
    assert_eq!(push(&outbox, &Frame::text(b"longer")), Push::Queued);
    assert_eq!(push(&outbox, &Frame::text(b"longer")), Push::Overflow);
}

#[test]
fn the_newest_is_dropped_and_the_socket_stays() {
    let outbox = outbox_with(room(2, 8), Overflow::DropNewest);
    for (text, expected) in [
        (b"one-----", Push::Queued),
        (b"two-----", Push::Queued),
        (b"three---", Push::Dropped),
    ] {
        assert_eq!(push(&outbox, &Frame::text(text)), expected);
    }
    let mut pipe = Pipe::default();
    assert_eq!(drain(&outbox, &mut pipe, 11), Drained::Blocked);
    assert_eq!(push(&outbox, &Frame::text(b"five")), Push::Queued);
    assert_eq!(drain(&outbox, &mut pipe, 100), Drained::Empty);
    assert_eq!(pipe.taken, b"\x81\x08one-----\x81\x08two-----\x81\x04five");
    assert_eq!(outbox.undelivered(), 0);
    assert_eq!(outbox.counters.bytes_queued(), 0);
}

#[test]
fn the_oldest_whole_ones_make_room_for_the_newest() {
    let outbox = outbox_with(room(6, 1), Overflow::DropOldest);
    let mut pipe = Pipe::default();
    push(&outbox, &Frame::text(b"1"));
    push(&outbox, &Frame::text(b"2"));
    assert_eq!(drain(&outbox, &mut pipe, 1), Drained::Blocked);
    for number in 3..=9 {
        outbox.ping();
        assert_eq!(push(&outbox, &Frame::text(&[b'0' + number])), Push::Queued);
    }
    // What is half written stays; six frames fit.
    assert_eq!(outbox.undelivered(), 3);
    assert_eq!(drain(&outbox, &mut pipe, 100), Drained::Empty);
    assert_eq!(
        pipe.taken,
        b"\x81\x011\x89\x00\x81\x015\x81\x016\x81\x017\x81\x018\x81\x019"
    );
}

#[test]
fn a_broadcast_beyond_the_bound_takes_the_place_of_all_others() {
    for (overflow, expected, undelivered) in [
        (Overflow::DropNewest, &b"\x81\x01a\x81\x01b"[..], 0),
        (Overflow::DropOldest, b"\x81\x0blong enough", 2),
    ] {
        let outbox = outbox_with(room(2, 1), overflow);
        push(&outbox, &Frame::text(b"a"));
        push(&outbox, &Frame::text(b"b"));
        push(&outbox, &Frame::text(b"long enough"));
        assert_eq!(outbox.undelivered(), undelivered);
        let mut pipe = Pipe::default();
        assert_eq!(drain(&outbox, &mut pipe, 100), Drained::Empty);
        assert_eq!(pipe.taken, expected);
    }
}

#[test]
fn a_reply_is_never_dropped_and_broadcasts_make_room_for_it() {
    for (overflow, expected) in [
        (Overflow::DropNewest, &b"\x81\x01a\x81\x03you"[..]),
        (Overflow::DropOldest, b"\x81\x01c\x81\x03you"),
    ] {
        let outbox = outbox_with(room(3, 1), overflow);
        for text in [b"a", b"b", b"c"] {
            assert_eq!(push(&outbox, &Frame::text(text)), Push::Queued);
        }
        assert_eq!(reply(&outbox, &Frame::text(b"you")), Push::Queued);
        assert_eq!(outbox.undelivered(), 2);
        // A broadcast finds no room among replies, and takes none from them.
        let full = [Push::Queued, Push::Dropped];
        assert!(full.contains(&push(&outbox, &Frame::text(&[b'x'; 100]))));
        let mut pipe = Pipe::default();
        drain(&outbox, &mut pipe, 100);
        assert!(pipe.taken.starts_with(expected), "{overflow:?}");
    }
}

#[test]
fn a_reply_for_which_nothing_makes_room_closes() {
    for overflow in [Overflow::Close, Overflow::DropNewest, Overflow::DropOldest] {
        let outbox = outbox_with(room(1, 5) + room(1, 1), overflow);
        assert_eq!(reply(&outbox, &Frame::text(b"first")), Push::Queued);
        assert_eq!(push(&outbox, &Frame::text(b"b")), Push::Queued);
        assert_eq!(reply(&outbox, &Frame::text(b"second")), Push::Overflow);
        assert_eq!(outbox.closing(), Some(CloseReason::SLOW));
        assert_eq!(outbox.undelivered(), 2);
    }
}

#[test]
fn a_full_queue_that_had_no_turn_is_written_then() {
    for overflow in [Overflow::Close, Overflow::DropNewest, Overflow::DropOldest] {
        let outbox = outbox_with(room(2, 5), overflow);
        outbox.set_transport(Arc::new(Sink));
        for _ in 0..1000 {
            assert_eq!(push(&outbox, &Frame::text(b"12345")), Push::Queued);
        }
        assert_eq!(outbox.undelivered(), 0);
    }
}

#[test]
fn without_room_in_the_hub_a_message_takes_the_place_of_others() {
    for (overflow, expected) in [
        (Overflow::Close, Push::Overflow),
        (Overflow::DropNewest, Push::Dropped),
        (Overflow::DropOldest, Push::Queued),
    ] {
        let outbox = outbox_with(1024, overflow);
        let first = Frame::text(b"longer than that");
        assert_eq!(push_within(&outbox, &first, 6), Push::Queued);
        assert_eq!(push_within(&outbox, &Frame::text(b"short"), 6), expected);
    }
    let outbox = outbox(1024);
    let pushed = [(); 3].map(|()| push_within(&outbox, &Frame::text(b"a"), room(2, 1)));
    assert_eq!(pushed, [Push::Queued, Push::Queued, Push::Overflow]);
}

#[test]
fn pongs_are_coalesced_and_never_split_a_frame() {
    let outbox = outbox(1024);
    push(&outbox, &Frame::text(b"one"));
    push(&outbox, &Frame::text(b"two"));
    let mut pipe = Pipe::default();
    assert_eq!(drain(&outbox, &mut pipe, 2), Drained::Blocked);
    for number in 0..1000u32 {
        outbox.pong(&number.to_be_bytes());
        outbox.ping();
    }
    assert_eq!(drain(&outbox, &mut pipe, 1000), Drained::Empty);
    let pong = |number: u32| [b"\x8a\x04", &number.to_be_bytes()[..]].concat();
    let kept = (1..15).chain([999]).map(pong).collect::<Vec<_>>().concat();
    let expected = [
        b"\x81\x03one",
        &pong(0)[..],
        b"\x89\x00",
        &kept,
        b"\x81\x03two",
    ];
    assert_eq!(pipe.taken, expected.concat());
}

#[test]
fn finishing_lets_go_of_the_task_and_of_the_queues_memory() {
    struct Task;
    impl std::task::Wake for Task {
        fn wake(self: Arc<Self>) {}
    }

    let task = Arc::new(Task);
    let outbox = outbox(1 << 20);
    outbox.attend(&mut Context::from_waker(&task.clone().into()));
    for _ in 0..100 {
        push(&outbox, &Frame::text(b"text"));
    }
    assert_eq!(Arc::strong_count(&task), 2);
    outbox.finish();
    assert_eq!(Arc::strong_count(&task), 1);
    assert_eq!(outbox.state().queue.capacity(), 0);
}

#[test]
fn finishing_counts_a_half_written_frame_as_undelivered() {
    let outbox = outbox(1024);
    push(&outbox, &Frame::text(b"one"));
    let mut pipe = Pipe::default();
    assert_eq!(drain(&outbox, &mut pipe, 2), Drained::Blocked);
    outbox.finish();
    assert_eq!(outbox.undelivered(), 1);
    assert_eq!(outbox.counters.bytes_queued(), 0);
}

#[test]
fn the_task_of_a_detached_socket_is_woken_although_it_had_written_all() {
    #[derive(Debug)]
    struct Stuck;

    impl SharedTransport for Stuck {
        fn try_write(&self, _: &[IoSlice<'_>]) -> io::Result<usize> {
            Err(io::ErrorKind::WouldBlock.into())
        }
    }

    let outbox = outbox(1024);
    let mut log = BroadcastLog::new(outbox.counters.clone());
    outbox.set_transport(Arc::new(Stuck));
    outbox.lock().subscribe(&log);
    log.push(Frame::text(b"a"));
    let written = outbox.write_batch(&batch(&mut log), &mut Tally::default());
    assert_eq!(written, Drained::Blocked);

    // Its task comes by for another reason, and finds room.
    outbox.attend(&mut Context::from_waker(Waker::noop()));
    let mut pipe = Pipe::default();
    assert_eq!(drain(&outbox, &mut pipe, 100), Drained::Empty);
    log.push(Frame::text(b"b"));
    assert!(outbox.lock().detach(&log).is_some());
    assert_eq!(drain(&outbox, &mut pipe, 100), Drained::Reattach);
    assert_eq!(pipe.taken, b"\x81\x01a\x81\x01b");
}

#[test]
fn the_last_message_is_remembered_from_the_first_life_sign_on() {
    let outbox = outbox(1024);
    let mut pipe = Pipe::default();
    push(&outbox, &Frame::text(b"early"));
    drain(&outbox, &mut pipe, 100);
    assert_eq!(outbox.told_at(), None);

    outbox.life_sign();
    let asked = outbox.told_at().unwrap();
    drain(&outbox, &mut pipe, 1);
    assert_eq!(outbox.told_at(), Some(asked), "it is half written");
    drain(&outbox, &mut pipe, 100);
    let told = outbox.told_at().unwrap();
    assert!(told > asked);
    outbox.ping();
    outbox.pong(b"x");
    drain(&outbox, &mut pipe, 100);
    assert_eq!(outbox.told_at(), Some(told), "a page sees neither");
    reply(&outbox, &Frame::text(b"late"));
    drain(&outbox, &mut pipe, 100);
    assert!(outbox.told_at() > Some(told));
}

/// Takes everything.
#[derive(Debug)]
struct Sink;

impl SharedTransport for Sink {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(slices.iter().map(|slice| slice.len()).sum())
    }
}

#[test]
fn what_flushers_write_is_remembered_too() {
    let outbox = outbox(1024);
    outbox.set_transport(Arc::new(Sink));
    let mut log = BroadcastLog::new(outbox.counters.clone());
    outbox.lock().subscribe(&log);
    outbox.life_sign();
    let asked = outbox.told_at().unwrap();
    outbox.flush(&mut Tally::default());
    let flushed = outbox.told_at().unwrap();
    assert!(flushed > asked);
    log.push(Frame::text(b"news"));
    outbox.write_batch(&batch(&mut log), &mut Tally::default());
    assert!(outbox.told_at().unwrap() > flushed);
}

#[test]
fn one_life_sign_waits_at_most_and_before_the_messages() {
    let outbox = outbox(1024);
    push(&outbox, &Frame::text(b"half"));
    push(&outbox, &Frame::text(b"whole"));
    let mut pipe = Pipe::default();
    drain(&outbox, &mut pipe, 3);
    outbox.life_sign();
    outbox.life_sign();
    drain(&outbox, &mut pipe, 1_000);
    let life_sign = Frame::life_sign();
    let expected = [b"\x81\x04half", life_sign.as_bytes(), b"\x81\x05whole"];
    assert_eq!(pipe.taken, expected.concat());
    // It is no message that a statistic or a disconnect event could tell of.
    outbox.life_sign();
    outbox.finish();
    assert_eq!(outbox.undelivered(), 0);
}
