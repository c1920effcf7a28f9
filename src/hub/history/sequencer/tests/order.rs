//! Which entry is delivered when, and what is a gap.

use super::setup::{
    Test, deliver, deliver_open, deliver_void, expired, forward, last, page, place,
};
use crate::hub::history::sequencer::{Body, Effect, Place, Sequencer};

#[test]
fn what_follows_is_delivered_and_what_was_there_is_not() {
    let mut test = Test::new();
    for offset in 6..9 {
        assert_eq!(test.arrived(offset), [deliver(place(1, offset))]);
    }
    for late in [3, 6, 8] {
        assert_eq!(test.arrived(late), [], "{late}");
    }
    assert_eq!(test.sequencer.due(test.now), None);
}

#[test]
fn what_comes_first_is_the_beginning() {
    let mut test = Test::new();
    test.sequencer = Sequencer::new(7);
    assert_eq!(test.arrived(40), [deliver(place(1, 40))]);
    assert_eq!(test.arrived(41), [deliver(place(1, 41))]);
    assert_eq!(test.sequencer.forget(test.now), []);
    assert_eq!(
        test.arrived(50),
        [deliver(place(1, 50))],
        "no sockets missed it"
    );
}

#[test]
fn what_was_under_way_when_the_first_came_is_delivered() {
    let mut test = Test::new();
    test.sequencer = Sequencer::new(7);
    assert_eq!(test.arrived(40), [deliver(place(1, 40))]);
    assert_eq!(test.arrived(38), [deliver_open(38)]);
    for known in [38, 40] {
        assert_eq!(test.arrived(known), [], "{known}");
    }
    assert!(test.sequencer.beginning(test.now).is_some());
    test.wait(999);
    assert_eq!(test.arrived(39), [deliver_open(39)]);
    test.wait(1);
    assert!(test.sequencer.beginning(test.now).is_none());
    assert_eq!(test.arrived(37), [], "it was there before the sockets");
    assert_eq!(test.arrived(41), [deliver(place(1, 41))]);
    // The first of all.
    let mut test = Test::new();
    test.sequencer = Sequencer::new(7);
    assert_eq!(test.arrived(1), [deliver(place(1, 1))]);
    assert!(test.sequencer.beginning(test.now).is_none());
}

#[test]
fn what_was_under_way_when_the_store_was_asked_is_delivered_to_those_who_are_there() {
    for has_live in [true, false] {
        let mut test = Test::new();
        test.sequencer = Sequencer::new(7);
        test.sequencer.begin(last(1, 40), has_live, test.now);
        let is_beginning = test.sequencer.beginning(test.now).is_some();
        assert_eq!(is_beginning, has_live, "resumes wait for nothing else");
        for offset in [39, 40] {
            let late = [deliver_open(offset)];
            assert_eq!(test.arrived(offset), late[..usize::from(has_live)]);
            assert_eq!(test.arrived(offset), []);
        }
        assert_eq!(test.arrived(41), [deliver(place(1, 41))]);
        assert_eq!(test.wait(999), []);
        let late = [deliver_open(38)];
        assert_eq!(test.arrived(38), late[..usize::from(has_live)]);
        assert_eq!(test.wait(1), []);
        assert_eq!(test.arrived(37), [], "it was there before the sockets");
    }
    // Nothing was published yet.
    let mut test = Test::new();
    test.sequencer = Sequencer::new(7);
    test.sequencer.begin(last(1, 0), true, test.now);
    assert!(test.sequencer.beginning(test.now).is_none());
}

#[test]
fn a_message_of_this_node_is_delivered_in_its_place_and_forwarded_at_once() {
    let mut test = Test::new();
    test.publish(700);
    let body = || Body::Message(700);
    assert_eq!(
        test.answered(place(1, 7)),
        [forward(place(1, 7), body())],
        "6 has yet to come"
    );
    assert_eq!(
        test.arrived(6),
        [deliver(place(1, 6)), deliver(place(1, 7))]
    );
    assert_eq!(test.sequencer.due(test.now), None);
}

#[test]
fn a_hole_is_asked_for_after_a_moment_and_filled_by_the_answer() {
    let mut test = Test::new();
    assert_eq!(test.arrived(8), []);
    assert_eq!(test.wait(99), []);
    assert_eq!(test.wait(1), [Effect::Read(last(1, 5))]);
    assert_eq!(test.wait(1), [], "it is asked once");
    let filled = [6, 7, 8, 9].map(|offset| deliver(place(1, offset)));
    assert_eq!(test.read(last(1, 5), page(1, 6..=9, 9)), filled);
    assert_eq!(test.arrived(9), [], "the read was faster");
    assert_eq!(test.wait(5_000), []);
}

#[test]
fn a_hole_that_fills_by_itself_is_not_asked_for() {
    let mut test = Test::new();
    assert_eq!(test.arrived(7), []);
    test.wait(50);
    assert_eq!(
        test.arrived(6),
        [deliver(place(1, 6)), deliver(place(1, 7))]
    );
    assert_eq!(test.wait(5_000), []);
}

#[test]
fn a_hole_that_the_store_cannot_fill_is_a_gap() {
    let mut test = Test::new();
    assert_eq!(test.arrived(8), []);
    assert_eq!(test.wait(100), [Effect::Read(last(1, 5))]);
    let gap = [Effect::TellGap(None), deliver(place(1, 8))];
    assert_eq!(test.read(last(1, 5), expired(1, 8)), gap);
    assert_eq!(test.wait(5_000), []);

    let mut test = Test::new();
    assert_eq!(test.arrived(8), []);
    for _ in 0..9 {
        assert_eq!(test.wait(100), [Effect::Read(last(1, 5))]);
        test.sequencer.read_failed(test.now);
    }
    assert_eq!(test.wait(100)[..2], gap, "nothing is held back for longer");
}

#[test]
fn what_is_asked_for_and_gone_is_a_gap_after_which_the_stream_goes_on() {
    let mut test = Test::new();
    test.sequencer.ask(test.now);
    assert_eq!(test.wait(0), [Effect::Read(last(1, 5))]);
    let gap = [Effect::TellGap(Some(last(1, 90)))];
    assert_eq!(test.read(last(1, 5), expired(1, 90)), gap);
    assert_eq!(test.arrived(91), [deliver(place(1, 91))]);
    test.sequencer.ask(test.now);
    assert_eq!(test.wait(0), [Effect::Read(last(1, 91))]);
    assert_eq!(
        test.read(last(1, 91), page(1, [], 91)),
        [],
        "nothing was lacking"
    );
}

#[test]
fn another_epoch_is_believed_if_the_store_says_so() {
    let mut test = Test::new();
    assert_eq!(test.arrived_at(place(2, 2)), []);
    assert_eq!(test.wait(0), [Effect::Read(last(1, 5))]);
    let gap = [Effect::TellGap(None), deliver(place(2, 2))];
    assert_eq!(test.read(last(1, 5), expired(2, 2)), gap);
    assert_eq!(test.arrived_at(place(2, 3)), [deliver(place(2, 3))]);
    assert_eq!(test.arrived(5), [], "late, of the epoch before");
    assert_eq!(
        test.arrived(6),
        [deliver_void(600)],
        "nothing has said that it is gone"
    );
    assert_eq!(
        test.wait(0),
        [Effect::Read(last(2, 3))],
        "but the epoch is looked at"
    );
    assert_eq!(test.read(last(2, 3), page(2, [], 3)), []);
}

#[test]
fn an_own_entry_that_a_read_brings_first_is_forwarded_and_not_doubled() {
    let mut test = Test::new();
    test.publish(600);
    test.sequencer.ask(test.now);
    test.wait(0);
    let effects = test.read(last(1, 5), page(1, [6], 6));
    let expected = [
        forward(place(1, 6), Body::Message(600)),
        deliver(place(1, 6)),
    ];
    assert_eq!(effects, expected);
    assert_eq!(test.answered(place(1, 6)), []);
    assert_eq!(test.wait(5_000), []);
}

#[test]
fn an_entry_that_no_node_can_have_written_is_a_gap() {
    let mut test = Test::new();
    let effects = test
        .sequencer
        .arrived(place(1, 6), Body::Garbage, 1, test.now);
    let gap = Effect::TellGap(Some(last(1, 6)));
    assert_eq!(effects, [Effect::Pass(place(1, 6)), gap]);
}

#[test]
fn a_store_that_does_not_say_what_was_before_is_asked_at_once() {
    let mut test = Test::new();
    let odd = Place {
        previous: None,
        ..place(1, 6)
    };
    assert_eq!(test.arrived_at(odd), []);
    assert_eq!(test.wait(0), [Effect::Read(last(1, 5))]);
    assert_eq!(
        test.read(last(1, 5), page(1, [6], 6)),
        [deliver(place(1, 6))]
    );
}

#[test]
fn an_entry_that_is_stored_twice_is_delivered_once() {
    let mut test = Test::new();
    test.arrived(6);
    let again = Place {
        id: 600,
        ..place(1, 7)
    };
    assert_eq!(test.arrived_at(again), [Effect::Pass(again)]);
    assert_eq!(test.arrived(8), [deliver(place(1, 8))]);
}

#[test]
fn what_was_delivered_long_ago_takes_no_room() {
    let mut test = Test::new();
    for offset in 6..1_000 {
        test.arrived(offset);
    }
    test.wait(30_000);
    test.sequencer.forget_seen(test.now);
    assert_eq!(test.sequencer.seen.capacity(), 0);
    test.arrived(1_000);
    test.sequencer.forget(test.now);
    assert_eq!(test.sequencer.seen.capacity(), 0);
}

#[test]
fn an_old_answer_does_no_harm() {
    let mut test = Test::new();
    test.sequencer.ask(test.now);
    test.wait(0);
    test.arrived(6);
    test.arrived(7);
    let effects = test.read(last(1, 5), page(1, [6], 6));
    assert_eq!(effects, []);
    assert_eq!(test.sequencer.last(), Some(last(1, 7)));
    assert_eq!(test.sequencer.feed(last(1, 2), expired(1, 7), test.now), []);
    let ahead = test.sequencer.feed(last(1, 9), page(1, [], 9), test.now);
    assert_eq!(
        ahead,
        [],
        "of a socket that comes from a node that was faster"
    );
    assert_eq!(test.wait(0), [Effect::Read(last(1, 7))]);
}
