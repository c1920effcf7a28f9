//! What goes wrong: links that turn, processes that stop, restart or come and go, and outages of a day.

use std::{cmp::Reverse, mem};

use super::{
    judge::{BEAT, Time},
    world::{Frame, PUBLISHER, TOPIC, World},
};

impl World {
    pub(super) fn whim(&mut self) {
        if self.now < self.subscriber_stops {
            // It does nothing itself.
            self.publish();
            return;
        }
        match self.below(42) {
            0 | 1 => self.publisher_up = !self.publisher_up,
            2 => {
                self.incarnation += 1;
                (self.tail, self.beat) = (0, 0);
            }
            3 | 4 => self.turn_link(),
            5 | 6 if self.is_subscribed => {
                self.is_subscribed = false;
                self.ledger.unsubscribe(TOPIC);
            }
            5..=9 if !self.is_subscribed => self.subscribe(),
            10 => self.slow = !self.slow,
            11 if self.below(8) == 0 => self.be_away_for_a_day(),
            12 if self.may_stop() => self.stop_subscriber(),
            13 if self.may_stop() => {
                // Often for so long that it is taken for gone.
                let shortest = self.below(2) * (LONGEST_STOP - 2_000);
                self.publisher_stops = self.now + shortest + self.below(LONGEST_STOP - shortest);
                self.stops += 1;
            }
            _ => self.publish(),
        }
    }

    pub(super) fn turn_link(&mut self) {
        self.link += 1;
        if self.link % 2 == 1 {
            // Of the old link nothing arrives any more, so the new one need not wait for it.
            self.last_arrival.clear();
            self.heard = self.now;
            self.announce();
        }
    }

    /// A day without a link, of which the publisher makes use.
    fn be_away_for_a_day(&mut self) {
        if self.link % 2 == 1 {
            self.turn_link();
        }
        let published = self.below(3);
        for _ in 0..published {
            self.publish();
        }
        self.now += DAY;
        self.beat += DAY / BEAT;
        self.judge.calm += DAY;
        self.days += 1;
        if self.below(2) == 0 {
            self.publish();
        }
        self.turn_link();
    }

    /// Whether a process that is stopped goes on before the calm.
    fn may_stop(&self) -> bool {
        self.now + LONGEST_STOP < self.judge.calm
    }

    /// Has all that is on its way to the subscriber arrive when its process goes on: each topic in its
    /// order, but the topics as they come.
    fn stop_subscriber(&mut self) {
        let until = self.now + self.below(LONGEST_STOP);
        self.subscriber_stops = until;
        // Its judgements are put off.
        self.heard = self.heard.max((until + READ).saturating_sub(GONE));
        self.stops += 1;
        self.last_arrival.clear();
        let mut on_their_way = mem::take(&mut self.in_flight).into_vec();
        on_their_way.sort_unstable_by_key(|Reverse((at, number, ..))| (*at, *number));
        for Reverse((at, number, frame, link)) in on_their_way {
            let at = if frame == Frame::Sync {
                at
            } else {
                self.in_turn(frame.topic(), at)
            };
            self.in_flight.push(Reverse((at, number, frame, link)));
        }
    }

    /// Takes the publisher for gone once it was not heard for long.
    pub(super) fn sweep(&mut self) {
        let is_listening = self.link % 2 == 1 && self.now >= self.subscriber_stops;
        if is_listening && self.is_known && self.now >= self.heard + GONE {
            self.is_known = false;
            let gaps = self.ledger.gone(PUBLISHER);
            self.judged += gaps.len() as u64;
            if let Some(incarnation) = self.ledger.incarnation(PUBLISHER) {
                self.report(incarnation, gaps);
            }
        }
    }
}

const LONGEST_STOP: Time = 10_000;
const DAY: Time = 24 * 3_600 * 1_000;

/// How long the publisher may be silent.
const GONE: Time = 7_000;

/// How long the subscriber may take to read what has arrived while it was stopped.
const READ: Time = 500;
