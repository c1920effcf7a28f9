//! The rules one by one.

use std::time::Duration;

use tokio::time::Instant;

use super::ledger::{Gap, Ledger, Verdict};
use crate::{
    backplane::Topic,
    hub::cluster::{
        node_id::NodeId,
        wire::{Pulse, Tails},
    },
};

const NODE: NodeId = NodeId(7);
const TOPIC: Topic = Topic::partition(3);

/// A ledger and its clock, with a publisher whose incarnation is 1.
struct Test {
    ledger: Ledger,
    now: Instant,
    beat: u64,
}

impl Test {
    /// Subscribed, and the subscription known to work.
    fn new() -> Self {
        let now = Instant::now();
        let mut ledger = Ledger::default();
        ledger.subscribe(TOPIC, now);
        ledger.confirm(TOPIC);
        Self {
            ledger,
            now,
            beat: 0,
        }
    }

    fn message(&mut self, number: u64) -> Verdict {
        self.ledger.message((NODE, 1), TOPIC, number, self.now)
    }

    fn mark(&mut self, tail: u64) -> Option<Gap> {
        self.ledger.mark((NODE, 1), TOPIC, tail, self.now)
    }

    fn beat(&mut self, tail: u64) -> Vec<Gap> {
        self.wait(2);
        let pulse = self.pulse(tail);
        self.ledger.beat((NODE, 1), pulse, self.now)
    }

    fn pulse(&mut self, tail: u64) -> Pulse {
        self.beat += 1;
        Pulse {
            beat: self.beat,
            tails: Tails::single(TOPIC, tail),
            ..Pulse::default()
        }
    }

    fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }
}

fn gap(missing: impl Into<Option<u64>>) -> Gap {
    let missing = missing.into();
    Gap {
        node: NODE,
        missing,
    }
}

const WHOLE: Verdict = Verdict::Deliver(None);

fn after(missing: impl Into<Option<u64>>) -> Verdict {
    Verdict::Deliver(Some(gap(missing)))
}

#[test]
fn the_first_message_or_mark_is_the_baseline() {
    let mut test = Test::new();
    assert_eq!(test.message(5), WHOLE);
    assert_eq!(test.message(6), WHOLE);
    let mut test = Test::new();
    assert_eq!(test.mark(5), None);
    assert_eq!(test.message(6), WHOLE);
}

#[test]
fn what_lies_between_is_missing_and_comes_too_late_then() {
    let mut test = Test::new();
    assert_eq!(test.message(5), WHOLE);
    assert_eq!(test.message(9), after(3));
    for late in [6, 7, 8, 9, 5, 1] {
        assert_eq!(test.message(late), Verdict::Late, "{late}");
    }
    assert_eq!(test.mark(9), None);
    assert_eq!(test.mark(12), Some(gap(3)));
    assert_eq!(test.mark(11), None, "an old one");
    assert_eq!(test.message(13), WHOLE);
}

#[test]
fn a_heartbeat_may_overtake_messages_until_the_next_one() {
    let mut test = Test::new();
    test.mark(5);
    assert_eq!(test.beat(8), []);
    assert_eq!(test.message(6), WHOLE);
    assert_eq!(test.message(7), WHOLE);
    assert_eq!(test.beat(9), [gap(1)], "8 had time to come");
    assert_eq!(test.message(9), WHOLE);
    assert_eq!(test.beat(9), []);
    assert_eq!(test.beat(9), []);
}

#[test]
fn an_old_heartbeat_says_nothing() {
    let mut test = Test::new();
    test.mark(5);
    let old = test.pulse(9);
    assert_eq!(test.beat(5), []);
    assert_eq!(test.ledger.beat((NODE, 1), old, test.now), []);
    assert_eq!(test.beat(5), []);
}

#[test]
fn a_heartbeat_is_no_baseline() {
    let mut test = Test::new();
    assert_eq!(test.beat(9), []);
    assert_eq!(test.message(7), WHOLE, "it was overtaken");
    assert_eq!(test.message(8), WHOLE);
}

#[test]
fn a_mark_that_is_overdue_leaves_a_gap_of_unknown_size_if_the_tail_has_moved() {
    for (tail, expected) in [(5, None), (6, Some(gap(None)))] {
        let mut test = Test::new();
        assert_eq!(test.beat(5), []);
        test.wait(4);
        assert_eq!(test.mark(tail), expected, "{tail}");
    }
    let mut test = Test::new();
    assert_eq!(test.beat(5), []);
    test.wait(3);
    assert_eq!(test.mark(9), None, "it is not overdue");

    let mut test = Test::new();
    assert_eq!(test.beat(5), []);
    assert_eq!(test.beat(6), []);
    assert_eq!(test.beat(6), [gap(None)]);
    assert_eq!(test.message(6), Verdict::Late);
    assert_eq!(test.message(7), WHOLE);

    let mut test = Test::new();
    assert_eq!(test.beat(5), []);
    test.wait(4);
    assert_eq!(test.message(6), WHOLE, "nothing is missing before it");
    let mut test = Test::new();
    assert_eq!(test.beat(5), []);
    test.wait(4);
    assert_eq!(test.message(7), after(None));
}

#[test]
fn a_topic_that_was_left_is_forgotten() {
    let mut test = Test::new();
    test.beat(5);
    test.message(5);
    test.ledger.unsubscribe(TOPIC);
    assert_eq!(test.message(6), Verdict::NotWanted);
    assert_eq!(test.mark(7), None);
    assert_eq!(test.beat(7), []);
    test.ledger.subscribe(TOPIC, test.now);
    // What was on its way before says nothing of what comes after.
    assert_eq!(test.message(6), WHOLE);
    assert_eq!(test.message(6), Verdict::Late);
    test.ledger.confirm(TOPIC);
    assert_eq!(test.mark(9), None);
    assert_eq!(test.message(10), WHOLE);
}

#[test]
fn a_process_that_has_ended_is_not_heard_any_more() {
    let mut test = Test::new();
    test.mark(5);
    let now = test.now;
    let message = |test: &mut Test, incarnation, number| {
        test.ledger.message((NODE, incarnation), TOPIC, number, now)
    };
    assert_eq!(message(&mut test, 2, 1), WHOLE, "it has restarted");
    assert_eq!(message(&mut test, 1, 6), Verdict::Late);
    assert_eq!(message(&mut test, 2, 3), after(1));
}

#[test]
fn the_last_messages_of_a_publisher_are_judged_when_it_has_left_or_is_gone() {
    let mut test = Test::new();
    test.mark(5);
    let bye = test.pulse(7);
    assert_eq!(test.ledger.bye((NODE, 1), &bye, test.now), []);
    assert_eq!(test.message(6), WHOLE, "the farewell has overtaken it");
    test.wait(1);
    assert_eq!(test.ledger.sweep(test.now), []);
    test.wait(1);
    assert_eq!(test.ledger.sweep(test.now), [gap(1)]);
    assert!(!test.ledger.knows(NODE));

    let mut test = Test::new();
    test.mark(5);
    test.beat(7);
    assert_eq!(test.ledger.gone(NODE), [gap(2)]);
    assert_eq!(test.ledger.gone(NODE), [], "once");
    assert_eq!(test.message(8), WHOLE, "it was only silent");
}

#[test]
fn forged_publishers_take_a_bounded_memory() {
    let mut test = Test::new();
    for node in 0..10_000 {
        test.ledger.message((NodeId(node), 1), TOPIC, 1, test.now);
    }
    assert_eq!(test.ledger.nodes().count(), 4_096);
    assert!(!test.ledger.knows(NodeId(9_999)), "there is no room");
    test.wait(600);
    assert_eq!(test.message(1), Verdict::Late, "one that is known stays");
    test.ledger.message((NodeId(9_999), 1), TOPIC, 1, test.now);
    assert!(test.ledger.knows(NodeId(9_999)), "in place of a silent one");
    assert_eq!(test.ledger.nodes().count(), 4_096);
}

#[test]
fn a_publisher_that_is_silent_for_a_day_is_not_forgotten() {
    let mut test = Test::new();
    test.mark(5);
    test.beat(5);
    assert_eq!(test.ledger.gone(NODE), []);
    test.wait(24 * 3_600);
    assert_eq!(test.ledger.sweep(test.now), []);
    assert_eq!(test.mark(9), Some(gap(4)));
}

#[test]
fn heartbeats_that_come_at_once_after_a_stall_wait_for_what_they_overtake() {
    let mut test = Test::new();
    test.mark(5);
    assert_eq!(test.beat(5), []);
    for tail in [7, 9] {
        let pulse = test.pulse(tail);
        assert_eq!(test.ledger.beat((NODE, 1), pulse, test.now), []);
    }
    let bye = test.pulse(9);
    assert_eq!(test.ledger.bye((NODE, 1), &bye, test.now), []);
    for number in 6..=8 {
        assert_eq!(test.message(number), WHOLE, "{number}");
    }
    test.wait(2);
    assert_eq!(test.ledger.sweep(test.now), [gap(1)], "of 9 alone");
}

#[test]
fn copies_of_old_questions_are_known() {
    let mut test = Test::new();
    let here = Topic::node(1);
    let now = test.now;
    let mut is_new = |incarnation, topic, id| {
        let sender = (NODE, incarnation);
        test.ledger.question(sender, topic, id, now)
    };
    assert!(is_new(1, Topic::ALL, 2));
    assert!(!is_new(1, Topic::ALL, 2), "a copy");
    assert!(!is_new(1, Topic::ALL, 1), "an older one");
    assert!(is_new(1, here, 1), "topics overtake each other");
    assert!(is_new(1, Topic::ALL, 3));
    assert!(is_new(2, Topic::ALL, 1), "it has restarted");
    assert!(!is_new(1, Topic::ALL, 4), "of the process that has ended");
    assert!(!is_new(2, TOPIC, 5), "none is asked there");
}
