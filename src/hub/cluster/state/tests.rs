//! What a node does when something happens to it, on a clock of the test's.

use std::time::Duration;

use tokio::time::Instant;

use super::{Effect, State};
use crate::{
    backplane::{Arrival, Topic},
    hub::cluster::{
        node_id::NodeId,
        wire::{Counts, Draft, Pulse, Question, Tails, Topics, read},
    },
};

const HERE: NodeId = NodeId(1);
const THERE: NodeId = NodeId(2);
const PARTITION: Topic = Topic::partition(3);

struct Test {
    state: State,
    now: Instant,
    effects: Vec<Effect>,
}

impl Test {
    /// A node with a link.
    fn new() -> Self {
        let now = Instant::now();
        let mut test = Self {
            state: State::new(HERE, 100, now),
            now,
            effects: Vec::new(),
        };
        let topics = test.state.topics();
        test.state.link_up(&topics, now, &mut test.effects);
        test
    }

    fn wait(&mut self, milliseconds: u64) {
        self.now += Duration::from_millis(milliseconds);
        self.state.tick(self.now, &mut self.effects);
    }

    fn want(&mut self, partitions: u64) {
        self.state.want(partitions, self.now, &mut self.effects);
    }

    fn receive(&mut self, from: (NodeId, u64), number: u64, mut draft: Draft) {
        draft.stamp(from.0, from.1, number);
        let topic = draft.topic();
        let frame = read(&Arrival::new(topic, draft.finish(None)), None).unwrap();
        self.state
            .receive(topic, frame, self.now, &mut self.effects);
    }

    fn hear(&mut self, from: (NodeId, u64), beat: u64) {
        self.receive(from, 0, Draft::beat(&pulse(beat)));
    }

    /// Takes the effects, written as short texts.
    fn take(&mut self) -> Vec<String> {
        let effects = self.effects.drain(..);
        let texts = effects.map(|effect| match effect {
            Effect::Event(event) => format!("{event:?}"),
            Effect::Subscribe(topic) => format!("subscribe {topic}"),
            Effect::Unsubscribe(topic) => format!("unsubscribe {topic}"),
            Effect::Send(draft) => format!("send to {}", draft.topic()),
            Effect::Mark(topic, 0) => format!("mark {topic}"),
            Effect::Mark(topic, nonce) => format!("own mark {topic} {nonce}"),
            Effect::Beat(number) => format!("beat {number}"),
            Effect::RepeatBeat => "repeat beat".to_owned(),
            Effect::Soon => "soon".to_owned(),
            other => format!("{other:?}"),
        });
        texts.collect()
    }
}

fn pulse(beat: u64) -> Pulse {
    Pulse {
        beat,
        counts: Counts::default(),
        tails: Tails::default(),
    }
}

#[test]
fn a_new_link_is_announced_and_asks_for_marks() {
    let mut test = Test::new();
    let node = Topic::node(1);
    let expected = [
        "Up".to_owned(),
        "beat 1".to_owned(),
        "own mark everybody 101".to_owned(),
        format!("own mark {node} 102"),
        "send to everybody".to_owned(),
    ];
    assert_eq!(test.take(), expected);
    assert_eq!(test.state.synced(), (0, false));
    test.receive((HERE, 1), 0, Draft::mark(Topic::ALL, 101));
    test.receive((HERE, 1), 0, Draft::mark(node, 999));
    assert_eq!(test.state.synced(), (0, false), "of another subscription");
    test.receive((HERE, 1), 0, Draft::mark(node, 102));
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
        "send to everybody",
    ];
    assert_eq!(test.take(), expected);
    test.receive((HERE, 1), 0, Draft::mark(PARTITION, 103));
    assert_eq!(test.state.synced().0, 0);
    test.receive((THERE, 1), 5, Draft::mark(PARTITION, 0));
    assert_eq!(test.state.synced().0, 1 << 3);
}

#[test]
fn marks_that_do_not_come_are_asked_for_again() {
    let mut test = Test::new();
    test.receive((HERE, 1), 0, Draft::mark(Topic::ALL, 101));
    test.receive((HERE, 1), 0, Draft::mark(Topic::node(1), 102));
    test.hear((THERE, 1), 1);
    test.want(1 << 3);
    test.take();
    test.wait(99);
    assert_eq!(test.take(), [""; 0]);
    test.wait(1);
    let again = ["subscribe partition/03", "own mark partition/03 103"];
    assert_eq!(test.take(), again, "what others say would not come either");
    test.wait(50);
    test.receive((HERE, 1), 0, Draft::mark(PARTITION, 103));
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
    test.receive((HERE, 1), 0, Draft::mark(Topic::ALL, 101));
    test.receive((HERE, 1), 0, Draft::mark(Topic::node(1), 102));
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
    let expected = ["mark everybody", &node, "mark partition/03", "repeat beat"];
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
    test.wait(5_000);
    test.hear((HERE, 1), 1);
    test.wait(5_999);
    assert!(!test.state.is_deaf(test.now));
    test.wait(1);
    assert!(test.state.is_deaf(test.now));
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
