//! What a node does when something happens to it.

use super::harness::{BEGUN, HERE, PARTITION, THERE, Test, pulse};
use crate::{
    backplane::Topic,
    hub::cluster::wire::{Draft, Question, Topics},
};

#[test]
fn a_new_link_is_announced_and_asks_for_marks() {
    let mut test = Test::new();
    let node = Topic::node(1);
    let expected = [
        "Up".to_owned(),
        "beat 1".to_owned(),
        "own mark all 101".to_owned(),
        format!("own mark {node} 102"),
        "send to all".to_owned(),
    ];
    assert_eq!(test.take(), expected);
    assert_eq!(test.state.synced(), (0, false));
    test.receive((HERE, BEGUN), 0, Draft::mark(Topic::ALL, 101));
    test.receive((HERE, BEGUN), 0, Draft::mark(node, 999));
    assert_eq!(test.state.synced(), (0, false), "of another subscription");
    test.receive((HERE, BEGUN), 0, Draft::mark(node, 102));
    assert_eq!(test.state.synced(), (0, true));
}

#[test]
fn a_new_partition_waits_for_its_own_mark_and_those_of_the_others() {
    let mut test = Test::new();
    test.hear((THERE, 1), 1);
    test.take();
    test.want(1 << 3);
    let expected = [
        "subscribe partition/03",
        "own mark partition/03 103",
        "send to all",
    ];
    assert_eq!(test.take(), expected);
    test.receive((HERE, BEGUN), 0, Draft::mark(PARTITION, 103));
    assert_eq!(test.state.synced().0, 0);
    test.receive((THERE, 1), 5, Draft::mark(PARTITION, 0));
    assert_eq!(test.state.synced().0, 1 << 3);
}

#[test]
fn marks_that_do_not_come_are_asked_for_again() {
    let mut test = Test::new();
    test.receive((HERE, BEGUN), 0, Draft::mark(Topic::ALL, 101));
    test.receive((HERE, BEGUN), 0, Draft::mark(Topic::node(1), 102));
    test.hear((THERE, 1), 1);
    test.want(1 << 3);
    test.take();
    test.wait(99);
    assert_eq!(test.take(), [""; 0]);
    test.wait(1);
    let again = ["subscribe partition/03", "own mark partition/03 103"];
    assert_eq!(test.take(), again, "what others say would not come either");
    test.wait(50);
    test.receive((HERE, BEGUN), 0, Draft::mark(PARTITION, 103));
    test.wait(149);
    let introduced = ["repeat beat"];
    assert_eq!(test.take(), introduced, "the broker takes its time");
    test.wait(1);
    let asked = format!("send to {}", Topic::node(2));
    assert_eq!(test.take(), [&*asked], "of the node that lacks alone");
    test.wait(299);
    assert_eq!(test.take(), [""; 0]);
    test.wait(1);
    assert_eq!(test.take(), [asked]);
    let gone = pulse(2);
    test.receive((THERE, 1), 0, Draft::bye(&gone));
    assert_eq!(test.state.synced().0, 1 << 3, "it is waited for no longer");
}

#[test]
fn a_question_for_marks_is_answered_in_each_topic() {
    let mut test = Test::new();
    test.receive((HERE, BEGUN), 0, Draft::mark(Topic::ALL, 101));
    test.receive((HERE, BEGUN), 0, Draft::mark(Topic::node(1), 102));
    test.hear((THERE, 1), 1);
    test.wait(200);
    test.wait(300);
    test.take();
    let mut topics = Topics::default();
    for topic in [Topic::ALL, Topic::node(2), PARTITION] {
        topics.insert(topic);
    }
    test.receive((THERE, 1), 0, Draft::sync(Topic::ALL, topics));
    let node = format!("mark {}", Topic::node(2));
    let expected = ["mark all", &node, "mark partition/03", "repeat beat"];
    assert_eq!(test.take(), expected);
    for milliseconds in [0, 20, 29] {
        test.wait(milliseconds);
        test.receive((THERE, 1), 0, Draft::sync(Topic::ALL, topics));
    }
    let mut told = test.take();
    told.retain(|text| text != "soon");
    assert_eq!(told, [""; 0], "many that ask at a time cost one answer");
    test.wait(1);
    assert_eq!(test.take(), expected[..3]);
    test.wait(149);
    assert_eq!(test.take(), [""; 0]);
    test.wait(1);
    assert_eq!(test.take(), ["repeat beat"], "and one introduction");
    test.wait(1_000);
    assert_eq!(test.take(), [""; 0]);
}

#[test]
fn a_node_that_has_a_link_again_is_asked_for_the_marks_that_are_waited_for() {
    let mut test = Test::new();
    test.hear((THERE, 1), 1);
    test.want(1 << 3);
    test.take();
    let mut topics = Topics::default();
    topics.insert(Topic::ALL);
    let asked = format!("send to {}", Topic::node(2));
    test.receive((THERE, 1), 0, Draft::sync(Topic::ALL, topics));
    assert!(test.take().contains(&asked));
    // Else two nodes would ask each other for ever.
    test.receive((THERE, 1), 0, Draft::sync(Topic::node(1), topics));
    assert!(!test.take().contains(&asked));
    test.receive((THERE, 1), 5, Draft::mark(PARTITION, 0));
    test.receive((THERE, 1), 0, Draft::sync(Topic::ALL, topics));
    assert!(!test.take().contains(&asked));
}

#[test]
fn nodes_come_restart_and_go() {
    let mut test = Test::new();
    test.take();
    let joined = format!("NodeJoined {{ node: NodeId({THERE}) }}");
    let gone = |clean| format!("NodeGone {{ node: NodeId({THERE}), clean: {clean} }}");
    let told = |test: &mut Test| {
        let mut told = test.take();
        told.retain(|text| text.starts_with("Node"));
        told
    };
    test.hear((THERE, 5), 1);
    assert_eq!(told(&mut test), [&*joined]);
    test.hear((THERE, 6), 1);
    assert_eq!(told(&mut test), [gone(false), joined.clone()]);
    test.hear((THERE, 5), 2);
    assert_eq!(told(&mut test), [""; 0], "the process that has ended");
    test.wait(6_999);
    assert_eq!(told(&mut test), [""; 0]);
    test.wait(1);
    assert_eq!(told(&mut test), [gone(false)]);
    test.hear((THERE, 6), 1);
    assert_eq!(told(&mut test), [""; 0], "a copy of its last");
    test.hear((THERE, 6), 2);
    test.receive((THERE, 6), 0, Draft::bye(&pulse(3)));
    assert_eq!(told(&mut test), [joined, gone(true)]);
    test.hear((THERE, 6), 4);
    test.receive((THERE, 6), 0, Draft::bye(&pulse(5)));
    assert_eq!(told(&mut test), [""; 0], "it has left");
}

#[test]
fn copies_of_a_silent_nodes_heartbeats_do_not_keep_it_up() {
    let mut test = Test::new();
    test.hear((THERE, 1), 2);
    for beat in [1, 2, 1, 2] {
        test.wait(1_500);
        test.hear((THERE, 1), beat);
    }
    test.wait(1_000);
    assert!(!test.state.knows(THERE));
}

#[test]
fn an_order_is_carried_out_once() {
    let mut test = Test::new();
    test.hear((THERE, 1), 1);
    test.take();
    let ask = |test: &mut Test, id| {
        let draft = Draft::question(Topic::ALL, id, &Question::Sockets);
        test.receive((THERE, 1), 0, draft);
        test.take().len()
    };
    assert_eq!(
        [1, 1, 3, 2, 4].map(|id| ask(&mut test, id)),
        [1, 0, 1, 0, 1]
    );
}

#[test]
fn a_name_that_is_made_up_gets_no_mark_of_its_own() {
    let mut test = Test::new();
    test.take();
    let mut topics = Topics::default();
    topics.insert(Topic::node(2));
    test.receive((THERE, 1), 0, Draft::sync(Topic::ALL, topics));
    assert!(!test.take().iter().any(|text| text.starts_with("mark")));
}
