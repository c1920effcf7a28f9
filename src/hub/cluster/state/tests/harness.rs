//! A node's state on a clock of the test's.

use std::time::Duration;

use tokio::time::Instant;

use super::super::{Effect, State};
use crate::{
    backplane::{Arrival, Topic},
    hub::cluster::{
        node_id::NodeId,
        wire::{Counts, Draft, Pulse, Tails, read},
    },
};

pub(super) const HERE: NodeId = NodeId(1);
pub(super) const BEGUN: u64 = 100;
pub(super) const THERE: NodeId = NodeId(2);
pub(super) const PARTITION: Topic = Topic::partition(3);

pub(super) struct Test {
    pub(super) state: State,
    pub(super) now: Instant,
    pub(super) effects: Vec<Effect>,
    /// Whether it hears its own heartbeats.
    pub(super) is_heard: bool,
}

impl Test {
    /// A node with a link.
    pub(super) fn new() -> Self {
        let now = Instant::now();
        let mut test = Self {
            state: State::new(HERE, BEGUN, now),
            now,
            effects: Vec::new(),
            is_heard: true,
        };
        let topics = test.state.topics();
        test.state.link_up(&topics, now, &mut test.effects);
        test
    }

    /// Does what is due when it is.
    pub(super) fn wait(&mut self, milliseconds: u64) {
        let until = self.now + Duration::from_millis(milliseconds);
        while let Some(due) = self.state.deadline().filter(|due| *due < until) {
            self.now = due.max(self.now);
            self.state.catch_up(self.now);
            if self.state.is_deaf(self.now) {
                break;
            }
            self.tick();
        }
        self.now = until;
        self.tick();
    }

    /// Does nothing, as a process that is stopped, and then what has become due.
    pub(super) fn stall(&mut self, milliseconds: u64) {
        self.now += Duration::from_millis(milliseconds);
        self.tick();
    }

    fn tick(&mut self) {
        self.state.catch_up(self.now);
        let before = self.effects.len();
        self.state.tick(self.now, &mut self.effects);
        let mut beats = self.effects[before..].iter();
        if self.is_heard && beats.any(|effect| matches!(effect, Effect::Beat(_))) {
            self.hear((HERE, BEGUN), self.state.last_beat() - 1);
        }
    }

    pub(super) fn want(&mut self, partitions: u64) {
        self.state.want(partitions, self.now, &mut self.effects);
    }

    pub(super) fn receive(&mut self, from: (NodeId, u64), number: u64, mut draft: Draft) {
        draft.stamp(from.0, from.1, number);
        let topic = draft.topic();
        let frame = read(&Arrival::new(topic, draft.finish(None)), None).unwrap();
        self.state
            .receive(topic, frame, self.now, &mut self.effects);
    }

    pub(super) fn hear(&mut self, from: (NodeId, u64), beat: u64) {
        self.receive(from, 0, Draft::beat(&pulse(beat)));
    }

    /// Takes the effects, written as short texts.
    pub(super) fn take(&mut self) -> Vec<String> {
        let effects = self.effects.drain(..);
        let effects = effects.filter(|effect| !matches!(effect, Effect::Members(_)));
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

pub(super) fn pulse(beat: u64) -> Pulse {
    Pulse {
        beat,
        counts: Counts::default(),
        tails: Tails::default(),
        ..Pulse::default()
    }
}
