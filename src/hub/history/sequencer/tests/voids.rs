//! Messages without a place, and scars.

use super::setup::{
    Test, deliver, deliver_open, deliver_void, expired, forward, forward_void, last, page, place,
};
use crate::hub::history::sequencer::{Body, Effect, Place, Scar};

#[test]
fn a_message_without_an_answer_is_void_and_its_echo_passes() {
    let mut test = Test::new();
    test.publish(600);
    assert_eq!(test.wait(249), []);
    assert_eq!(test.wait(1), [deliver_void(600), forward_void(600)]);
    assert!(test.sequencer.is_open());
    let late = [
        forward(place(1, 6), Body::Passed),
        Effect::Pass(place(1, 6)),
    ];
    assert_eq!(test.answered(place(1, 6)), late);
    assert!(!test.sequencer.is_open());
    assert_eq!(test.arrived(7), [deliver(place(1, 7))]);
}

#[test]
fn positions_are_void_until_the_place_of_a_void_message_has_passed() {
    let mut test = Test::new();
    test.publish(800);
    test.wait(250);
    for offset in [6, 7] {
        assert_eq!(test.arrived(offset), [deliver_open(offset)]);
    }
    test.answered(place(1, 8));
    assert_eq!(test.arrived(9), [deliver(place(1, 9))]);
}

#[test]
fn a_message_that_is_held_back_does_not_wait_longer_than_one_without_an_answer() {
    let mut test = Test::new();
    test.publish(700);
    test.answered(place(1, 7));
    test.wait(100);
    let void = [deliver_void(700), forward_void(700)];
    assert_eq!(test.wait(150), void, "others wait for what was before, too");
    let filled = test.read(last(1, 5), page(1, [6, 7], 7));
    assert_eq!(filled.len(), 2);
    assert_eq!(filled[1], Effect::Pass(place(1, 7)));
}

#[test]
fn what_goes_out_without_its_place_overtakes_none_of_this_node() {
    let void = |ids: &[u64]| -> Vec<_> {
        let each = ids.iter().map(|id| [deliver_void(*id), forward_void(*id)]);
        each.flatten().collect()
    };
    // One that waits for the next link to the store, and one that fails at once.
    let mut test = Test::new();
    test.publish(1);
    test.publish(2);
    assert_eq!(test.sequencer.failed(2, test.now), void(&[1, 2]));
    // The queue is full.
    let mut test = Test::new();
    test.publish(1);
    test.publish(700);
    assert_eq!(test.answered(place(1, 7)), [], "it is held back");
    let full = test.sequencer.publish_void(3, 3, test.now);
    assert_eq!(full[..6], void(&[1, 700, 3]));
    assert_eq!(full[6..], [forward(place(1, 7), Body::Passed)]);
    // One that has its place, and one that has none.
    let mut test = Test::new();
    test.publish(700);
    test.publish(2);
    test.answered(place(1, 7));
    test.wait(100);
    assert_eq!(test.wait(150), void(&[700, 2]));
    // The store has taken the second one only.
    let mut test = Test::new();
    test.publish(1);
    test.publish(600);
    let second = [forward(place(1, 6), Body::Message(600)), deliver_open(6)];
    let effects = test.answered(place(1, 6));
    assert_eq!(effects[..2], void(&[1]), "also where it goes to");
    assert_eq!(effects[2..], second);
    // And a read says so first.
    let mut test = Test::new();
    test.publish(1);
    test.publish(600);
    test.sequencer.ask(test.now);
    test.wait(0);
    let effects = test.read(last(1, 5), page(1, [6], 6));
    assert_eq!(effects[..2], void(&[1]));
    assert_eq!(effects[2..], second);
    // It cannot be delivered yet.
    let mut test = Test::new();
    test.publish(1);
    test.publish(700);
    assert_eq!(test.answered(place(1, 7)), []);
    let effects = test.sequencer.failed(1, test.now);
    assert_eq!(effects[..2], void(&[1]));
    assert_eq!(effects[2..], [forward(place(1, 7), Body::Message(700))]);
}

#[test]
fn answers_that_come_in_another_order_make_no_message_void() {
    let mut test = Test::new();
    test.publish(600);
    test.publish(700);
    assert_eq!(test.answered(place(1, 7)), []);
    let both = [6, 7].map(|offset| {
        let place = place(1, offset);
        [forward(place, Body::Message(place.id)), deliver(place)]
    });
    assert_eq!(test.answered(place(1, 6)), both.concat());
}

#[test]
fn a_void_message_of_another_node_overtakes_none_of_that_node() {
    let mut test = Test::new();
    test.arrived(7);
    test.arrived_from(2, place(1, 8));
    test.arrived(9);
    let all = [700, 900, 1].map(deliver_void);
    assert_eq!(test.arrived_void(1), all);
    let passed = |offset| Effect::Pass(place(1, offset));
    let placed = [deliver_open(6), passed(7), deliver_open(8), passed(9)];
    assert_eq!(test.arrived(6), placed);
    // The same message with a place and without, and one of an epoch that is not known yet.
    let mut test = Test::new();
    test.arrived(7);
    test.arrived_at(place(2, 3));
    assert_eq!(test.arrived_void(700), [700, 300].map(deliver_void));
    assert_eq!(test.arrived(6), [deliver_open(6), passed(7)]);
    // One that has its place overtakes none of another epoch either.
    let mut test = Test::new();
    test.arrived_at(place(2, 3));
    assert_eq!(test.arrived(6), [deliver_void(300), deliver_open(6)]);
    // Its place goes, and this node sees to it like to one that had waited until then.
    let mut test = Test::new();
    test.arrived(7);
    test.arrived_void(1);
    test.arrived_at(place(2, 2));
    test.wait(0);
    test.read(last(1, 5), expired(2, 2));
    let effects = test.wait(500);
    assert!(
        matches!(&effects[..], [Effect::Scar { scar, .. }] if *scar.ids == [700]),
        "{effects:?}"
    );
}

#[test]
fn a_void_message_of_another_node_is_delivered_once() {
    let mut test = Test::new();
    assert_eq!(test.arrived_void(600), [deliver_void(600)]);
    assert_eq!(test.arrived_void(600), []);
    assert_eq!(test.arrived(6), [Effect::Pass(place(1, 6))]);
    assert_eq!(test.arrived(7), [deliver(place(1, 7))]);
    assert_eq!(
        test.arrived_void(700),
        [],
        "a read was faster than its node"
    );
}

#[test]
fn an_echo_whose_message_was_lost_is_read() {
    let mut test = Test::new();
    let echo = test
        .sequencer
        .arrived(place(1, 6), Body::Passed, 1, test.now);
    assert_eq!(echo, []);
    assert_eq!(test.wait(100), [Effect::Read(last(1, 5))]);
    assert_eq!(
        test.read(last(1, 5), page(1, [6], 6)),
        [deliver(place(1, 6))]
    );
}

#[test]
fn a_message_that_the_store_has_not_taken_leaves_a_scar() {
    let mut test = Test::new();
    test.publish(1);
    let failed = test.sequencer.failed(1, test.now);
    assert_eq!(failed, [deliver_void(1), forward_void(1)]);
    let queue_is_full = test.sequencer.publish_void(2, 2, test.now);
    assert_eq!(queue_is_full, [deliver_void(2), forward_void(2)]);
    assert_eq!(test.wait(499), []);
    let scar = Scar {
        ids: [1, 2].into(),
        has_more: false,
    };
    let effects = test.wait(1);
    let [Effect::Scar { id, scar: appended }] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(*appended, scar);
    test.sequencer.failed(*id, test.now);
    assert_eq!(test.wait(999), [], "the store is left alone");
    let effects = test.wait(1);
    let [Effect::Scar { id, .. }] = &effects[..] else {
        panic!("{effects:?}");
    };
    let place = Place {
        id: *id,
        ..place(1, 6)
    };
    let healed = [forward(place, Body::Scar(scar)), Effect::Pass(place)];
    assert_eq!(test.answered(place), healed);
    assert!(!test.sequencer.is_open());
}

#[test]
fn a_scar_tells_a_gap_where_its_messages_have_not_come() {
    for has_come in [true, false] {
        let mut test = Test::new();
        if has_come {
            test.arrived_void(1);
            test.arrived_void(2);
        }
        let scar = Body::Scar(Scar {
            ids: [1, 2].into(),
            has_more: false,
        });
        let effects = test.sequencer.arrived(place(1, 6), scar, 1, test.now);
        let mut expected = vec![Effect::Pass(place(1, 6))];
        if !has_come {
            expected.push(Effect::TellGap(Some(last(1, 6))));
        }
        assert_eq!(effects, expected);
        assert!(!test.sequencer.is_open());
    }
}

#[test]
fn a_void_message_of_a_node_that_is_gone_gets_its_scar_here() {
    let mut test = Test::new();
    test.arrived_void(1);
    assert_eq!(test.wait(30_000), []);
    let effects = test.wait(500);
    assert!(
        matches!(&effects[..], [Effect::Scar { scar, .. }] if *scar.ids == [1]),
        "{effects:?}"
    );
}

#[test]
fn what_is_held_back_is_bounded() {
    let mut test = Test::new();
    for offset in 7..10_000 {
        assert_eq!(test.arrived(offset), []);
    }
    assert_eq!(test.sequencer.held.len(), 256);
    test.publish(1_000_000);
    let effects = test.answered(place(1, 10_000));
    assert_eq!(
        effects.last(),
        Some(&deliver_void(1_000_000)),
        "there is no room"
    );
    test.wait(100);
    let effects = test.read(last(1, 5), page(1, 6..=10_000, 10_000));
    assert_eq!(effects.len(), 9_995, "the store has what was dropped");
    assert_eq!(test.sequencer.held_bytes, 0);
    assert!(!test.sequencer.is_open());
}
