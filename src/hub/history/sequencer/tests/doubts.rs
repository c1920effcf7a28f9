//! What the store denies, or never had.

use super::setup::{
    Test, deliver, deliver_open, deliver_void, expired, forward, last, page, place,
};
use crate::hub::history::sequencer::{Answer, Body, Effect, Last, Place, Sequencer};

#[test]
fn a_store_that_has_gone_back_within_an_epoch_is_found_out() {
    let mut test = Test::new();
    test.arrived(6);
    test.arrived(7);
    let other = Place {
        id: 9,
        ..place(1, 7)
    };
    assert_eq!(test.arrived_at(other), []);
    assert_eq!(test.wait(0), [Effect::Read(last(1, 7))]);
    let answer = Answer {
        anchor: Some(9),
        ..page(1, [], 7)
    };
    let gap = [Effect::TellGap(Some(last(1, 7)))];
    assert_eq!(test.read(last(1, 7), answer), gap);

    let mut test = Test::new();
    test.publish(9);
    let delivered = test.answered(Place {
        id: 9,
        ..place(1, 3)
    });
    assert!(
        matches!(
            delivered[1],
            Effect::Deliver {
                id: 9,
                is_void: true,
                ..
            }
        ),
        "at once"
    );
    test.sequencer.ask(test.now);
    test.wait(0);
    let gap = [Effect::TellGap(Some(last(1, 3)))];
    assert_eq!(test.read(last(1, 5), page(1, [], 3)), gap);
}

#[test]
fn an_offset_that_the_store_does_not_know_silences_no_stream() {
    for body in [Body::Message(place(1, 6).id), Body::Passed] {
        let mut test = Test::new();
        let made_up = Place {
            offset: u64::MAX,
            previous: Some(7),
            ..place(1, 6)
        };
        assert_eq!(
            test.sequencer.arrived(made_up, body.clone(), 1, test.now),
            []
        );
        assert_eq!(test.wait(100), [Effect::Read(last(1, 5))]);
        let effects = test.read(last(1, 5), page(1, [], 5));
        let void = [deliver_void(made_up.id)];
        assert_eq!(effects, void[..usize::from(body != Body::Passed)]);
        test.wait(1_000);
        assert_eq!(test.sequencer.last(), Some(last(1, 5)));
    }
}

#[test]
fn an_epoch_that_the_store_does_not_know_is_no_gap() {
    let mut test = Test::new();
    assert_eq!(test.arrived_at(place(9, 3)), []);
    assert_eq!(test.wait(0), [Effect::Read(last(1, 5))]);
    assert_eq!(test.read(last(1, 5), page(1, [], 5)), [deliver_void(300)]);
    let later = test.wait(1_000);
    assert!(
        !later.iter().any(|it| matches!(it, Effect::TellGap(_))),
        "{later:?}"
    );
    assert_eq!(test.sequencer.last(), Some(last(1, 5)));
}

#[test]
fn a_first_offset_that_the_store_does_not_know_silences_no_stream() {
    let mut test = Test::new();
    test.sequencer = Sequencer::new(7);
    let made_up = Place {
        offset: 1 << 60,
        ..place(1, 6)
    };
    assert_eq!(test.arrived_at(made_up), [deliver(made_up)]);
    assert_eq!(test.arrived(40), [deliver_open(40)]);
    assert_eq!(test.wait(1_000), []);
    assert_eq!(test.arrived(41), []);
    let asked = Last::from(made_up);
    assert_eq!(test.wait(0), [Effect::Read(asked)]);
    assert_eq!(test.arrived(42), []);
    let gap = [Effect::TellGap(Some(last(1, 42)))];
    assert_eq!(test.read(asked, expired(1, 42)), gap);
    assert_eq!(test.wait(0), [], "it is asked once");
    for late in [40, 42] {
        assert_eq!(test.arrived(late), []);
    }
    assert_eq!(test.arrived(43), [deliver(place(1, 43))]);
}

#[test]
fn what_was_delivered_meanwhile_does_not_come_again_to_those_who_are_told_of_a_gap() {
    let mut test = Test::new();
    test.publish(300);
    test.sequencer.ask(test.now);
    test.wait(0);
    test.wait(1);
    let own = [forward(place(1, 3), Body::Message(300)), deliver_open(3)];
    assert_eq!(test.answered(place(1, 3)), own);
    // The store was asked before.
    let gap = [Effect::TellGap(None)];
    assert_eq!(test.read(last(1, 5), expired(1, 1)), gap);
    assert_eq!(test.arrived(2), [deliver_open(2)]);
    assert_eq!(test.arrived_at(place(1, 3)), [Effect::Pass(place(1, 3))]);
    assert_eq!(test.arrived(4), [deliver(place(1, 4))]);
    // And what it never had is waited for no longer than until it is asked.
    let mut test = Test::new();
    test.publish(300);
    test.answered(place(1, 3));
    test.sequencer.ask(test.now);
    test.wait(0);
    let gap = [Effect::TellGap(Some(last(1, 1)))];
    assert_eq!(test.read(last(1, 5), expired(1, 1)), gap);
}

#[test]
fn what_is_late_has_the_store_asked_once_a_second() {
    let mut test = Test::new();
    let mut reads = Vec::new();
    for at in 1..=3_500 {
        test.arrived(3);
        for effect in test.wait(1) {
            assert_eq!(effect, Effect::Read(last(1, 5)));
            reads.push(at);
            assert_eq!(test.read(last(1, 5), page(1, [], 5)), []);
        }
    }
    assert_eq!(reads.len(), 3, "{reads:?}");
}
