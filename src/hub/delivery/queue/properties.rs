//! A queue against a model of it that is slow and plain.

use std::sync::Arc;

use proptest::{collection::vec, prelude::*};

use super::{
    Drained, Kind, Outbox, Push,
    tests::{Pipe, drain},
};
use crate::{
    config::Overflow,
    frame::{COST_OF_KEEPING, Frame},
    hub::counters::Counters,
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
        let mut longest = 0;
        for (number, step) in steps.iter().enumerate() {
            match *step {
                Step::Push { kind, length, allowance } => {
                    let text = format!("{number}{}", "-".repeat(length));
                    let frame = Frame::text(text.as_bytes());
                    longest = longest.max(frame.cost());
                    let expected = model.push(&frame, kind, allowance);
                    prop_assert_eq!(outbox.lock().push(&frame, kind, allowance).0, expected);
                }
                Step::Ping => {
                    outbox.ping();
                    model.ping();
                }
                Step::Write(room) => {
                    let drained = drain(&outbox, &mut pipe, room);
                    prop_assert_eq!(drained == Drained::Blocked, model.write(room) > 0);
                }
            }
            prop_assert_eq!(&pipe.taken, &model.taken);
            prop_assert_eq!(outbox.undelivered(), model.undelivered);
            prop_assert_eq!(counters.bytes_queued(), model.bytes());
            prop_assert!(model.bytes() <= limit + longest);
        }
        outbox.finish();
        let left = model.queue.iter().filter(|(_, kind)| kind.is_message()).count() as u64;
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
    },
    Ping,
    Write(usize),
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
    let push = (kind, 0..40_usize, allowance);
    prop_oneof![
        6 => push.prop_map(|(kind, length, allowance)| Step::Push { kind, length, allowance }),
        1 => Just(Step::Ping),
        3 => (0..60_usize).prop_map(Step::Write),
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
}

impl Model {
    fn bytes(&self) -> usize {
        let messages = self.queue.iter().filter(|(_, kind)| kind.is_message());
        messages
            .map(|(bytes, _)| bytes.len() + COST_OF_KEEPING)
            .sum()
    }

    fn push(&mut self, frame: &Frame, kind: Kind, allowance: usize) -> Push {
        if self.is_closing {
            return Push::Closed;
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
        self.queued += 1;
        self.queue.push((frame.as_bytes().to_vec(), kind));
        Push::Queued
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
        let kept = usize::from(self.written > 0);
        let dropped = self.queue.split_off(kept.min(self.queue.len()));
        let messages = dropped.iter().filter(|(_, kind)| kind.is_message());
        self.undelivered += messages.count() as u64;
        self.queue
            .push((b"\x88\x06\x03\xf5slow".to_vec(), Kind::Close));
        self.is_closing = true;
        Push::Overflow
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
