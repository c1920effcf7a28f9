//! A queue against a model of it that is slow and plain.

use std::sync::Arc;

use proptest::{collection::vec, prelude::*};

use super::{
    Awaited, Backlog, Drained, Kind, Opening, Outbox, Push,
    tests::{Pipe, drain},
};
use crate::{
    config::Overflow,
    frame::{COST_OF_KEEPING, Frame, StreamMark},
    hub::counters::Counters,
    protocol::CloseReason,
};

proptest! {
    #[test]
    fn a_queue_does_what_its_model_does(
        overflow in overflow(),
        limit in 1..500_usize,
        steps in vec(step(), 0..120),
    ) {
        let counters = Arc::new(Counters::new(usize::MAX));
        let outbox = Outbox::new(limit, overflow, counters.clone());
        let mut model = Model { overflow, limit, ..Model::default() };
        let mut pipe = Pipe::default();
        let mut history: Vec<Frame> = Vec::new();
        let mut longest = Frame::text(FAREWELL).cost();
        for (number, step) in steps.iter().enumerate() {
            match *step {
                Step::Push { kind, length, allowance, stream } => {
                    let text = format!("{number}{}", "-".repeat(length));
                    let frame = frame(&text, stream.map(|stream| mark(stream, number)));
                    longest = longest.max(frame.cost());
                    let expected = model.push(&frame, kind, allowance);
                    prop_assert_eq!(outbox.lock().push(&frame, kind, allowance).0, expected);
                    history.push(frame);
                }
                Step::Ping => {
                    outbox.ping();
                    model.ping();
                }
                Step::Write(room) => {
                    let drained = drain(&outbox, &mut pipe, room);
                    prop_assert_eq!(drained == Drained::Blocked, model.write(room) > 0);
                }
                Step::Shut => {
                    if !model.had_gate {
                        outbox.shut_gate(Arc::new(Impatient));
                    }
                    model.shut();
                }
                Step::Open { stream, since } => {
                    let seen = mark(stream, since);
                    let missed = history.iter().filter(|frame| is_behind(frame, seen));
                    let replay = fitting(missed, limit / 2);
                    let is_shut = model.waiting.is_some();
                    model.open(&replay, seen);
                    let first = Frame::text(FIRST);
                    let seen = vec![seen];
                    let (was_shut, wake) = outbox.open_gate(Opening { first, replay, seen });
                    prop_assert!(wake.is_none());
                    prop_assert_eq!(was_shut, is_shut);
                }
                Step::Close(backlog) => {
                    prop_assert_eq!(outbox.close(CloseReason::SLOW, backlog), model.close(backlog));
                }
            }
            prop_assert_eq!(&pipe.taken, &model.taken);
            prop_assert_eq!(outbox.undelivered(), model.undelivered);
            prop_assert_eq!(counters.bytes_queued(), model.bytes());
            prop_assert_eq!(outbox.is_open(), !model.is_closing);
            let most = match model.had_gate {
                false => limit + longest,
                // Half of it for what waits, and half for what was missed.
                true => 2 * limit + 3 * longest,
            };
            prop_assert!(model.bytes() <= most);
        }
        outbox.finish();
        let waiting = model.waiting.iter().flatten().count() as u64;
        let left = model.queue.iter().filter(|(_, kind)| kind.is_message()).count() as u64 + waiting;
        prop_assert_eq!(outbox.undelivered(), model.undelivered + left);
        prop_assert_eq!(counters.snapshot().undelivered, outbox.undelivered());
        prop_assert_eq!(
            model.queued,
            counters.snapshot().messages_out + outbox.undelivered()
        );
        prop_assert_eq!(counters.bytes_queued(), 0);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Push {
        kind: Kind,
        length: usize,
        allowance: usize,
        stream: Option<u64>,
    },
    Ping,
    Write(usize),
    Shut,
    /// The client has so much of this stream.
    Open {
        stream: u64,
        since: usize,
    },
    Close(Backlog),
}

/// Gives up at once.
#[derive(Debug)]
struct Impatient;

impl Awaited for Impatient {
    fn give_up(&self) -> Frame {
        Frame::text(FAREWELL)
    }
}

const FIRST: &[u8] = b"first";
const FAREWELL: &[u8] = b"farewell";

fn mark(stream: u64, number: usize) -> StreamMark {
    StreamMark {
        stream,
        // Every fifth message has no place in its stream.
        epoch: u64::from(number % 5 != 4),
        offset: number as u64,
    }
}

fn frame(text: &str, mark: Option<StreamMark>) -> Frame {
    match mark {
        Some(mark) => Frame::marked(mark, 0, |out| out.extend_from_slice(text.as_bytes())),
        None => Frame::text(text.as_bytes()),
    }
}

/// Whether a client that has the message of this mark lacks the one of the frame.
fn is_behind(frame: &Frame, seen: StreamMark) -> bool {
    let is_behind = |mark: StreamMark| {
        (mark.stream, mark.epoch) == (seen.stream, seen.epoch) && mark.offset > seen.offset
    };
    frame.mark().is_some_and(is_behind) && seen.epoch > 0
}

/// The frames, or none if they are more than so many bytes.
fn fitting<'a>(frames: impl Iterator<Item = &'a Frame>, bytes: usize) -> Vec<Frame> {
    let frames: Vec<_> = frames.cloned().collect();
    match frames.iter().map(Frame::cost).sum::<usize>() <= bytes {
        true => frames,
        false => Vec::new(),
    }
}

fn overflow() -> impl Strategy<Value = Overflow> {
    prop_oneof![
        Just(Overflow::Close),
        Just(Overflow::DropNewest),
        Just(Overflow::DropOldest),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![4 => Just(Kind::Broadcast), 1 => Just(Kind::Reply)];
    let allowance = prop_oneof![3 => Just(usize::MAX), 1 => 0..400_usize];
    let stream = prop_oneof![1 => Just(None), 2 => (0..2_u64).prop_map(Some)];
    let push = (kind, 0..40_usize, allowance, stream);
    let push = push.prop_map(|(kind, length, allowance, stream)| Step::Push {
        kind,
        length,
        allowance,
        stream,
    });
    let open = (0..2_u64, 0..60_usize);
    prop_oneof![
        24 => push,
        4 => Just(Step::Ping),
        12 => (0..60_usize).prop_map(Step::Write),
        2 => Just(Step::Shut),
        2 => open.prop_map(|(stream, since)| Step::Open { stream, since }),
        1 => prop_oneof![Just(Backlog::Deliver), Just(Backlog::Discard)].prop_map(Step::Close),
    ]
}

#[derive(Default)]
struct Model {
    overflow: Overflow,
    limit: usize,
    queue: Vec<(Vec<u8>, Kind)>,
    /// Of the first frame.
    written: usize,
    taken: Vec<u8>,
    queued: u64,
    undelivered: u64,
    is_closing: bool,
    had_gate: bool,
    /// What waits behind the gate while that is shut.
    waiting: Option<Vec<(Frame, Kind)>>,
}

impl Model {
    fn bytes(&self) -> usize {
        let messages = self.queue.iter().filter(|(_, kind)| kind.is_message());
        let queued: usize = messages
            .map(|(bytes, _)| bytes.len() + COST_OF_KEEPING)
            .sum();
        queued + self.held_back()
    }

    fn held_back(&self) -> usize {
        let waiting = self.waiting.iter().flatten();
        waiting.map(|(frame, _)| frame.cost()).sum()
    }

    fn shut(&mut self) {
        if !self.is_closing && !self.had_gate {
            self.had_gate = true;
            self.waiting = Some(Vec::new());
        }
    }

    fn open(&mut self, replay: &[Frame], seen: StreamMark) {
        let Some(waiting) = self.waiting.take() else {
            return;
        };
        self.add(&Frame::text(FIRST), Kind::Reply);
        for frame in replay {
            let waits = |(waiting, _): &(Frame, Kind)| waiting.mark() == frame.mark();
            if !waiting.iter().any(waits) {
                self.add(frame, Kind::Reply);
            }
        }
        for (frame, kind) in waiting {
            let is_missed = |missed: &Frame| missed.mark() == frame.mark();
            let kind = if frame.mark().is_some() && replay.iter().any(is_missed) {
                Kind::Reply
            } else {
                kind
            };
            self.queued -= 1;
            let is_stored = |mark: StreamMark| mark.stream == seen.stream && mark.epoch == 1;
            let is_seen = |mark: StreamMark| mark.offset <= seen.offset && seen.epoch == 1;
            if !frame
                .mark()
                .is_some_and(|mark| is_stored(mark) && is_seen(mark))
            {
                self.add(&frame, kind);
            }
        }
    }

    fn close(&mut self, backlog: Backlog) -> bool {
        if self.is_closing {
            return false;
        }
        for (frame, kind) in self.waiting.take().unwrap_or_default() {
            if frame.mark().is_some_and(|mark| mark.epoch == 1) {
                self.undelivered += 1;
            } else {
                self.queued -= 1;
                self.add(&frame, kind);
            }
        }
        match backlog {
            Backlog::Discard => self.fail(),
            Backlog::Deliver => self.end(),
        }
        true
    }

    fn add(&mut self, frame: &Frame, kind: Kind) {
        self.queued += 1;
        self.queue.push((frame.as_bytes().to_vec(), kind));
    }

    fn push(&mut self, frame: &Frame, kind: Kind, allowance: usize) -> Push {
        if self.is_closing {
            return Push::Closed;
        }
        let bound = (self.limit / 2).min(allowance.max(self.held_back()));
        if let Some(waiting) = &mut self.waiting {
            let bytes: usize = waiting.iter().map(|(frame, _)| frame.cost()).sum();
            if waiting.is_empty() || bytes + frame.cost() <= bound {
                waiting.push((frame.clone(), kind));
                self.queued += 1;
                return Push::Queued;
            }
            self.give_up();
        }
        let bound = self.limit.min(allowance.max(self.bytes()));
        let before = self.queue.clone();
        let mut dropped = 0;
        while self.bytes() > 0 && self.bytes() + frame.cost() > bound {
            let Some(victim) = self.victim(kind) else {
                self.queue = before;
                return self.refuse(kind);
            };
            self.queue.remove(victim);
            dropped += 1;
        }
        self.undelivered += dropped;
        self.add(frame, kind);
        Push::Queued
    }

    fn give_up(&mut self) {
        self.add(&Frame::text(FAREWELL), Kind::Reply);
        for (frame, kind) in self.waiting.take().unwrap_or_default() {
            self.queued -= 1;
            self.add(&frame, kind);
        }
    }

    /// Which broadcast goes first to make room for a message of this kind.
    fn victim(&self, kind: Kind) -> Option<usize> {
        let begun = usize::from(self.written > 0);
        let mut whole =
            (begun..self.queue.len()).filter(|&index| self.queue[index].1 == Kind::Broadcast);
        match (self.overflow, kind) {
            (Overflow::DropOldest, _) => whole.next(),
            (Overflow::DropNewest, Kind::Reply) => whole.next_back(),
            _ => None,
        }
    }

    fn refuse(&mut self, kind: Kind) -> Push {
        if kind == Kind::Broadcast && self.overflow != Overflow::Close {
            return Push::Dropped;
        }
        self.fail();
        Push::Overflow
    }

    /// Ends without what is left.
    fn fail(&mut self) {
        let kept = usize::from(self.written > 0);
        let dropped = self.queue.split_off(kept.min(self.queue.len()));
        let messages = dropped.iter().filter(|(_, kind)| kind.is_message());
        self.undelivered += messages.count() as u64;
        self.end();
    }

    fn end(&mut self) {
        self.queue
            .push((b"\x88\x06\x03\xf5slow".to_vec(), Kind::Close));
        self.is_closing = true;
    }

    fn ping(&mut self) {
        let at = usize::from(self.written > 0);
        let is_pending = self
            .queue
            .get(at)
            .is_some_and(|(_, kind)| *kind == Kind::Ping);
        if !self.is_closing && !is_pending {
            self.queue.insert(at, (b"\x89\x00".to_vec(), Kind::Ping));
        }
    }

    /// Writes so many bytes and tells how many frames are left.
    fn write(&mut self, mut room: usize) -> usize {
        while let Some((bytes, _)) = self.queue.first() {
            let take = room.min(bytes.len() - self.written);
            self.taken
                .extend_from_slice(&bytes[self.written..self.written + take]);
            self.written += take;
            room -= take;
            if self.written < bytes.len() {
                break;
            }
            self.queue.remove(0);
            self.written = 0;
        }
        self.queue.len()
    }
}
