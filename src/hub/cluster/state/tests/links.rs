//! What a node does as its link comes and goes, or carries nothing.

use std::time::Duration;

use super::harness::{BEGUN, HERE, THERE, Test, pulse};
use crate::{
    backplane::Topic,
    hub::cluster::{
        node_id::NodeId,
        wire::{Draft, Tails, Topics},
    },
};

#[test]
fn without_a_link_no_node_is_silent() {
    let mut test = Test::new();
    test.hear((THERE, 1), 1);
    test.state.link_down(&mut test.effects);
    test.wait(60_000);
    let topics = test.state.topics();
    test.state.link_up(&topics, test.now, &mut test.effects);
    test.take();
    test.wait(6_999);
    assert!(test.state.knows(THERE));
    test.wait(1);
    assert!(!test.state.knows(THERE));
}

#[test]
fn its_own_heartbeat_shows_that_a_link_carries() {
    let mut test = Test::new();
    test.is_heard = false;
    test.wait(5_000);
    test.hear((HERE, BEGUN), 1);
    test.wait(5_999);
    assert!(!test.state.is_deaf(test.now));
    test.wait(1);
    assert!(test.state.is_deaf(test.now));
}

#[test]
fn a_node_that_was_stopped_reads_before_it_judges() {
    let mut test = Test::new();
    test.is_heard = false;
    test.hear((HERE, BEGUN), 1);
    test.hear((THERE, 1), 1);
    test.receive((THERE, 1), 1, Draft::message(Topic::ALL, &[], b"{}"));
    let mut left = pulse(1);
    left.tails = Tails::single(Topic::ALL, 3);
    test.receive((NodeId(3), 1), 1, Draft::message(Topic::ALL, &[], b"{}"));
    test.receive((NodeId(3), 1), 0, Draft::bye(&left));
    test.take();
    test.stall(20_000);
    assert!(!test.state.is_deaf(test.now));
    let told = test.take();
    assert!(!told.iter().any(|text| text.contains("Gone")), "{told:?}");
    assert!(!told.iter().any(|text| text.contains("Gap")), "{told:?}");
    test.wait(999);
    // What has waited for it.
    test.hear((THERE, 1), 9);
    test.receive((NodeId(3), 1), 2, Draft::message(Topic::ALL, &[], b"{}"));
    test.receive((NodeId(3), 1), 3, Draft::message(Topic::ALL, &[], b"{}"));
    test.wait(999);
    assert!(!test.state.is_deaf(test.now), "there may be more");
    test.wait(1);
    assert!(test.state.is_deaf(test.now), "its own was not among it");
    assert!(test.state.knows(THERE));
    let told = test.take();
    assert!(!told.iter().any(|text| text.contains("Gap")), "{told:?}");
    test.stall(500);
    assert!(test.state.is_deaf(test.now), "that is no stop");
}

#[test]
fn a_node_that_was_stopped_reads_for_as_long_as_something_arrives() {
    let mut test = Test::new();
    test.is_heard = false;
    test.hear((THERE, 1), 1);
    test.take();
    test.stall(20_000);
    for number in 1..=8 {
        test.wait(600);
        let message = Draft::message(Topic::ALL, &[], b"{}");
        test.receive((THERE, 1), number, message);
    }
    test.wait(600);
    assert!(!test.state.is_deaf(test.now));
    test.hear((THERE, 1), 11);
    test.hear((HERE, BEGUN), test.state.last_beat() - 1);
    test.wait(5_999);
    assert!(!test.state.is_deaf(test.now));
    let told = test.take();
    assert!(!told.iter().any(|text| text.contains("Gone")), "{told:?}");
}

#[test]
fn a_node_that_is_late_again_and_again_judges_all_the_same() {
    for is_carrying in [false, true] {
        let mut test = Test::new();
        test.is_heard = false;
        test.hear((THERE, 1), 1);
        test.stall(20_000);
        for _ in 0..2 {
            test.stall(2_100);
            assert!(!test.state.is_deaf(test.now), "it is within 6 s");
            assert!(test.state.knows(THERE));
        }
        if is_carrying {
            test.hear((HERE, BEGUN), test.state.last_beat() - 1);
        }
        test.stall(2_100);
        assert_eq!(test.state.is_deaf(test.now), !is_carrying);
        assert!(!test.state.knows(THERE));
        // Once it has judged, a stop is one by itself.
        test.hear((THERE, 1), 9);
        test.stall(20_000);
        assert!(!test.state.is_deaf(test.now));
        assert!(test.state.knows(THERE));
    }
}

#[test]
fn a_link_that_carries_others_messages_alone_is_deaf_after_a_stop_as_well() {
    let mut test = Test::new();
    test.is_heard = false;
    test.stall(20_000);
    let stopped = test.now;
    for number in 1..=100 {
        if test.state.is_deaf(test.now) {
            break;
        }
        let message = Draft::message(Topic::ALL, &[], b"{}");
        test.receive((THERE, 1), number, message);
        test.wait(100);
    }
    assert_eq!(test.now - stopped, Duration::from_secs(6));
}

#[test]
fn what_a_copy_of_this_node_says_is_not_its_own() {
    let mut test = Test::new();
    test.take();
    let refused = ["Refuse(SameNode)"];
    test.hear((HERE, BEGUN + 1), 1);
    assert_eq!(test.take(), refused);
    test.receive((HERE, BEGUN - 1), 0, Draft::mark(Topic::ALL, 101));
    assert_eq!(test.take(), refused);
    assert!(!test.state.synced().1);
    test.hear((HERE, BEGUN), 1);
    assert_eq!(test.take(), [""; 0], "its own");
    test.hear((HERE, BEGUN), 2);
    assert_eq!(test.take(), refused, "made while it ran, and ahead of it");
    test.wait(2_000);
    test.take();
    test.hear((HERE, BEGUN), 2);
    test.hear((HERE, BEGUN), 1);
    assert_eq!(test.take(), [""; 0]);
}

#[test]
fn heartbeats_are_two_seconds_apart_over_links() {
    let mut test = Test::new();
    test.wait(500);
    test.state.link_down(&mut test.effects);
    let topics = test.state.topics();
    test.take();
    test.state.link_up(&topics, test.now, &mut test.effects);
    assert!(test.take().contains(&"repeat beat".to_owned()));
    test.wait(1_499);
    assert!(!test.take().contains(&"beat 2".to_owned()));
    test.wait(1);
    assert!(test.take().contains(&"beat 2".to_owned()));
}

#[test]
fn what_changes_while_a_link_opens_is_made_up_for() {
    let mut test = Test::new();
    test.want(0b11);
    test.state.link_down(&mut test.effects);
    let topics = test.state.topics();
    test.take();
    test.want(0b110);
    assert_eq!(test.take(), [""; 0]);
    test.now += Duration::from_secs(30);
    test.want(0b110);
    test.state.link_up(&topics, test.now, &mut test.effects);
    let mut told = test.take();
    told.retain(|text| text.contains("subscribe"));
    assert_eq!(told, ["unsubscribe partition/00", "subscribe partition/02"]);
}

#[test]
fn what_was_asked_over_a_link_that_is_over_is_not_answered() {
    let mut test = Test::new();
    test.wait(500);
    for _ in 0..2 {
        let topics = Topics {
            all: true,
            ..Topics::default()
        };
        test.receive((THERE, 1), 0, Draft::sync(Topic::ALL, topics));
    }
    test.state.link_down(&mut test.effects);
    test.take();
    test.wait(1_000);
    assert_eq!(test.take(), [""; 0]);
}
