use std::io::IoSlice;

use super::*;
use crate::hub::stats::Counters;

/// Takes a limited number of bytes and keeps them.
#[derive(Default)]
struct Pipe {
    room: usize,
    taken: Vec<u8>,
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
    Outbox::new(limit, Arc::new(Counters::new(usize::MAX)))
}

fn push(outbox: &Outbox, frame: &Frame) -> Push {
    outbox.push(frame).0
}

fn drain(outbox: &Outbox, pipe: &mut Pipe, room: usize) -> Drained {
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
    outbox.push(&Frame::text(b"hello"));
    outbox.push(&Frame::text(b"world"));
    let mut pipe = Pipe::default();
    for _ in 0..13 {
        assert_eq!(drain(&outbox, &mut pipe, 1), Drained::Blocked);
    }
    assert_eq!(drain(&outbox, &mut pipe, 1), Drained::Empty);
    assert_eq!(pipe.taken, b"\x81\x05hello\x81\x05world");
}

#[test]
fn an_overflow_drops_the_backlog_and_closes_after_the_frame_in_flight() {
    let outbox = outbox(20);
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
    let outbox = Outbox::new(4, Arc::new(Counters::new(1)));
    assert_eq!(push(&outbox, &Frame::text(b"longer")), Push::Queued);
    assert_eq!(push(&outbox, &Frame::text(b"longer")), Push::Overflow);
}

#[test]
fn pongs_are_coalesced_and_never_split_a_frame() {
    let outbox = outbox(1024);
    outbox.push(&Frame::text(b"one"));
    outbox.push(&Frame::text(b"two"));
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
        outbox.push(&Frame::text(b"text"));
    }
    assert_eq!(Arc::strong_count(&task), 2);
    outbox.finish();
    assert_eq!(Arc::strong_count(&task), 1);
    assert_eq!(outbox.state.lock().queue.capacity(), 0);
}

#[test]
fn finishing_counts_a_half_written_frame_as_undelivered() {
    let outbox = outbox(1024);
    outbox.push(&Frame::text(b"one"));
    let mut pipe = Pipe::default();
    assert_eq!(drain(&outbox, &mut pipe, 2), Drained::Blocked);
    outbox.finish();
    assert_eq!(outbox.undelivered(), 1);
    assert_eq!(outbox.counters.bytes_queued(), 0);
}
