//! A run: what happens to the publisher, the broker and the subscriber.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    env,
    time::Duration,
};

use tokio::time::Instant;

use super::judge::{Account, BEAT, CALM, Judge, OVERDUE, STORM, Time};
use crate::{
    backplane::Topic,
    hub::cluster::{
        ledger::ledger::{Gap, Ledger, Verdict},
        node_id::NodeId,
        wire::{Pulse, Tails},
    },
};

pub(super) const PUBLISHER: NodeId = NodeId(7);
pub(super) const TOPIC: Topic = Topic::partition(3);

/// A frame, with the publisher's incarnation where it is the publisher's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Frame {
    Message(u64, u64),
    Mark(u64, u64),
    Beat(u64, u64, u64),
    /// The subscriber's own, of its subscription with this number.
    Own(u64),
    /// Asks the publisher for a mark.
    Sync,
}

impl Frame {
    pub(super) fn topic(self) -> Topic {
        match self {
            Self::Message(..) | Self::Mark(..) | Self::Own(_) => TOPIC,
            Self::Beat(..) | Self::Sync => Topic::ALL,
        }
    }
}

pub(super) struct World {
    random: u64,
    start: Instant,
    pub(super) now: Time,
    pub(super) in_flight: BinaryHeap<Reverse<(Time, u64, Frame, u64)>>,
    sent: u64,
    calm: bool,
    pub(super) slow: bool,
    /// When the last frame of a topic arrives, so that the next is not before it.
    pub(super) last_arrival: BTreeMap<Topic, Time>,

    pub(super) incarnation: u64,
    pub(super) tail: u64,
    pub(super) beat: u64,
    pub(super) publisher_up: bool,
    /// Until then the publisher's process is stopped.
    pub(super) publisher_stops: Time,

    pub(super) ledger: Ledger,
    /// The number of the link; odd while it is up.
    pub(super) link: u64,
    subscription: u64,
    pub(super) is_subscribed: bool,
    /// Until then the subscriber's process is stopped.
    pub(super) subscriber_stops: Time,
    /// When the publisher was heard last, and whether it counts as up.
    pub(super) heard: Time,
    pub(super) is_known: bool,
    pub(super) judge: Judge,

    /// How often a process was stopped, how many days passed, and how many gaps a publisher left that was
    /// taken for gone.
    pub(super) stops: u64,
    pub(super) days: u64,
    pub(super) judged: u64,
}

#[test]
fn what_is_reported_is_what_was_lost() {
    let runs = env::var("LEDGER_RUNS").ok();
    let runs = runs.map_or(20_000, |runs| runs.parse().expect("a number"));
    let mut totals = [0; 7];
    for seed in 1..=runs {
        World::new(seed).run(&mut totals);
    }
    let [delivered, missing, unknown, late, stops, days, judged] = totals;
    // Without faults of each kind the rest proves nothing.
    assert!(
        delivered > runs && missing > runs && unknown > runs / 1_000 && late > runs / 1_000,
        "{totals:?}"
    );
    assert!(
        stops > runs && days > runs / 100 && judged > runs / 10_000,
        "{totals:?}"
    );
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            start: Instant::now(),
            now: 0,
            in_flight: BinaryHeap::new(),
            sent: 0,
            calm: false,
            slow: false,
            last_arrival: BTreeMap::new(),
            incarnation: 1,
            tail: 0,
            beat: 0,
            publisher_up: seed % 3 > 0,
            publisher_stops: 0,
            ledger: Ledger::default(),
            link: seed % 2,
            subscription: 0,
            is_subscribed: false,
            subscriber_stops: 0,
            heard: 0,
            is_known: false,
            judge: Judge {
                seed,
                calm: STORM,
                ..Judge::default()
            },
            stops: 0,
            days: 0,
            judged: 0,
        }
    }

    fn run(mut self, totals: &mut [u64; 7]) {
        let mut late = 0;
        let (mut next_beat, mut next_retry, mut next_whim) = (self.below(BEAT), BEAT, 0);
        while self.now < self.judge.calm + CALM {
            let arrival = self.in_flight.peek().map(|Reverse((at, ..))| *at);
            let next = next_beat.min(next_retry).min(next_whim);
            self.now = arrival.map_or(next, |at| at.min(next)).max(self.now);
            self.sweep();
            if arrival.is_some_and(|at| at <= self.now) {
                let Some(Reverse((_, _, frame, link))) = self.in_flight.pop() else {
                    continue;
                };
                late += u64::from(self.arrive(frame, link));
            } else if self.now >= next_beat {
                // One that was stopped makes up for none.
                next_beat = (self.now + BEAT).max(self.publisher_stops);
                if self.now < self.publisher_stops {
                    continue;
                }
                self.beat += 1;
                self.send(
                    Topic::ALL,
                    Frame::Beat(self.incarnation, self.beat, self.tail),
                );
            } else if self.now >= next_retry {
                next_retry = self.now + BEAT;
                self.retry();
            } else {
                next_whim = self.now + 50 + self.below(400);
                if next_whim >= self.judge.calm && !self.calm {
                    self.become_calm();
                }
                if !self.calm {
                    self.whim();
                } else if self.now < self.judge.calm + CALM / 2 {
                    self.publish();
                } else {
                    next_whim = Time::MAX;
                }
            }
        }
        self.judge.last = (self.subscription, self.incarnation);
        self.judge.check(totals);
        totals[3] += late;
        for (total, count) in totals[4..]
            .iter_mut()
            .zip([self.stops, self.days, self.judged])
        {
            *total += count;
        }
    }

    fn become_calm(&mut self) {
        self.calm = true;
        self.publisher_up = true;
        if self.link % 2 == 0 {
            self.turn_link();
        }
        if !self.is_subscribed {
            self.subscribe();
        }
        self.publish();
    }

    pub(super) fn publish(&mut self) {
        if self.now < self.publisher_stops {
            return;
        }
        self.tail += 1;
        let truth = self.judge.truths.entry(self.incarnation).or_default();
        truth.numbered.push(self.now);
        truth.delivered.push(None);
        self.send(TOPIC, Frame::Message(self.incarnation, self.tail));
    }

    pub(super) fn subscribe(&mut self) {
        self.subscription += 1;
        self.is_subscribed = true;
        self.judge.since.insert(self.subscription, self.now);
        self.ledger.subscribe(TOPIC, self.instant());
        self.note_asked();
        self.announce();
    }

    /// The own mark and the question that follow a subscription.
    pub(super) fn announce(&mut self) {
        if self.link % 2 == 1 && self.is_subscribed {
            let own = Frame::Own(self.subscription);
            self.deliver(TOPIC, own);
            self.deliver(Topic::ALL, Frame::Sync);
        }
    }

    fn retry(&mut self) {
        let accounted = self.ledger.accounted(PUBLISHER, TOPIC);
        if accounted.is_none() {
            self.announce();
        }
    }

    /// Sends a frame of the publisher's.
    fn send(&mut self, topic: Topic, frame: Frame) {
        if self.publisher_up {
            self.deliver(topic, frame);
        }
    }

    fn deliver(&mut self, topic: Topic, frame: Frame) {
        let is_heard = self.link % 2 == 1 && (topic == Topic::ALL || self.is_subscribed);
        if !is_heard || !self.calm && self.below(12) == 0 {
            return;
        }
        let longest = if self.slow && topic == TOPIC && !self.calm {
            5_000
        } else {
            200
        };
        let at = self.now + self.below(longest);
        let at = self.in_turn(topic, at);
        let copies = if !self.calm && self.below(50) == 0 {
            2
        } else {
            1
        };
        for _ in 0..copies {
            self.sent += 1;
            self.in_flight
                .push(Reverse((at, self.sent, frame, self.link)));
        }
    }

    /// Returns when the subscriber takes what arrives at a time on a topic, after what came there before.
    pub(super) fn in_turn(&mut self, topic: Topic, at: Time) -> Time {
        let first = self.subscriber_stops + self.below(100);
        let last = self.last_arrival.entry(topic).or_default();
        *last = at.max(*last).max(first);
        *last
    }

    /// Returns whether it was a message that came too late.
    fn arrive(&mut self, frame: Frame, link: u64) -> bool {
        if frame == Frame::Sync {
            if self.now < self.publisher_stops {
                let at = self.publisher_stops + self.below(100);
                self.sent += 1;
                self.in_flight.push(Reverse((at, self.sent, frame, link)));
                return false;
            }
            let mark = Frame::Mark(self.incarnation, self.tail);
            self.send(TOPIC, mark);
            return false;
        }
        if link != self.link {
            return false;
        }
        let now = self.instant();
        let mut is_late = false;
        match frame {
            Frame::Message(incarnation, number) => {
                let sender = (PUBLISHER, incarnation);
                match self.ledger.message(sender, TOPIC, number, now) {
                    Verdict::Deliver(gap) => {
                        self.report(incarnation, gap);
                        let truth = self.judge.truths.get_mut(&incarnation);
                        let truth = truth.expect("it was numbered");
                        truth.deliver(number, self.subscription);
                    }
                    Verdict::Late => is_late = true,
                    Verdict::NotWanted => {}
                }
                self.note_baseline(incarnation);
            }
            Frame::Mark(incarnation, tail) => {
                let sender = (PUBLISHER, incarnation);
                let gap = self.ledger.mark(sender, TOPIC, tail, now);
                self.report(incarnation, gap);
                self.note_baseline(incarnation);
            }
            Frame::Beat(incarnation, beat, tail) => {
                let pulse = Pulse {
                    beat,
                    tails: Tails::single(TOPIC, tail),
                    ..Pulse::default()
                };
                let gaps = self.ledger.beat((PUBLISHER, incarnation), pulse, now);
                (self.heard, self.is_known) = (self.now, true);
                self.report(incarnation, gaps);
                self.note_asked();
                self.note_baseline(incarnation);
            }
            Frame::Own(subscription) => {
                if subscription == self.subscription {
                    self.ledger.confirm(TOPIC);
                }
            }
            Frame::Sync => {}
        }
        is_late
    }

    pub(super) fn report(&mut self, incarnation: u64, gaps: impl IntoIterator<Item = Gap>) {
        for Gap { node, missing } in gaps {
            assert_eq!(node, PUBLISHER);
            let now = self.now;
            let account = self.account(incarnation);
            match missing {
                Some(count) => account.missing += count,
                None => {
                    let asked = account.asked.expect("a mark was asked for");
                    assert!(now >= asked + OVERDUE, "the mark was not overdue");
                    assert_eq!(account.baseline, None);
                    account.unknown += 1;
                }
            }
        }
    }

    /// Notes since when a baseline is wanted: the publisher was heard, and the topic subscribed to.
    fn note_asked(&mut self) {
        let is_asked = self.ledger.is_asked(PUBLISHER, TOPIC);
        let (now, incarnation) = (self.now, self.ledger.incarnation(PUBLISHER));
        if let Some(incarnation) = incarnation.filter(|_| is_asked) {
            self.account(incarnation).asked.get_or_insert(now);
        }
    }

    fn note_baseline(&mut self, incarnation: u64) {
        let now = self.now;
        let current = self.ledger.incarnation(PUBLISHER) == Some(incarnation);
        let accounted = self.ledger.accounted(PUBLISHER, TOPIC);
        if let Some(accounted) = accounted.filter(|_| current) {
            self.account(incarnation)
                .baseline
                .get_or_insert((now, accounted));
        }
    }

    fn account(&mut self, incarnation: u64) -> &mut Account {
        self.judge
            .accounts
            .entry((self.subscription, incarnation))
            .or_default()
    }

    fn instant(&self) -> Instant {
        self.start + Duration::from_millis(self.now)
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 20) % limit
    }
}
