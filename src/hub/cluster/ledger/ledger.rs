//! All publishers' messages on all topics that this node is subscribed to.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

use super::track::{Missing, Outcome, Track};
use crate::{
    backplane::Topic,
    hub::cluster::{
        node_id::NodeId,
        wire::{Pulse, Tails, Topics},
    },
};

/// What this node has got of each publisher's messages. Pure: the time is an argument.
#[derive(Debug, Default)]
pub(in crate::hub::cluster) struct Ledger {
    publishers: HashMap<NodeId, Publisher>,
    /// The topics that are subscribed to, and whether the subscription is known to work.
    topics: HashMap<Topic, bool>,
}

#[derive(Debug)]
struct Publisher {
    incarnation: u64,
    beat: u64,
    /// As of the last heartbeat.
    tails: Tails,
    tracks: HashMap<Topic, Track>,
    /// The last question that it has asked all nodes, and the last that it has asked this one.
    asked: [u64; 2],
    heard: Instant,
    stage: Stage,
}

/// How far a publisher's farewell has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Up,
    /// It has said that it leaves; what it sent before may still come.
    Leaving(Instant),
    /// Nothing is taken of it any more: what comes is a copy.
    Left,
}

/// Messages of a publisher that this node has missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hub::cluster) struct Gap {
    pub(in crate::hub::cluster) node: NodeId,
    pub(in crate::hub::cluster) missing: Missing,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hub::cluster) enum Verdict {
    Deliver(Option<Gap>),
    /// It was reported as missing before.
    Late,
    /// This node is not subscribed any more.
    NotWanted,
}

impl Ledger {
    /// Wants the messages of a topic from now on, whether or not the broker knows of it yet.
    pub(in crate::hub::cluster) fn subscribe(&mut self, topic: Topic, now: Instant) {
        self.topics.entry(topic).or_default();
        // Of the others the first heartbeat is waited for: without it no tail is known.
        let publishers = self.publishers.values_mut();
        let heard = publishers.filter(|one| one.beat > 0 && one.stage != Stage::Left);
        for publisher in heard {
            let tail = publisher.tails.get(topic);
            publisher.track(topic).ask(now, tail);
        }
    }

    /// Forgets a topic.
    pub(in crate::hub::cluster) fn unsubscribe(&mut self, topic: Topic) {
        self.topics.remove(&topic);
        for publisher in self.publishers.values_mut() {
            publisher.tracks.remove(&topic);
        }
    }

    /// Notes that what is published on a topic arrives: this node's own mark has.
    pub(in crate::hub::cluster) fn confirm(&mut self, topic: Topic) {
        if let Some(is_confirmed) = self.topics.get_mut(&topic) {
            *is_confirmed = true;
        }
    }

    /// Takes a message.
    pub(in crate::hub::cluster) fn message(
        &mut self,
        (node, incarnation): (NodeId, u64),
        topic: Topic,
        number: u64,
        now: Instant,
    ) -> Verdict {
        let Some(&is_confirmed) = self.topics.get(&topic) else {
            return Verdict::NotWanted;
        };
        let Some(publisher) = self.publisher(node, incarnation, now) else {
            return Verdict::Late;
        };
        match publisher.track(topic).message(number, is_confirmed, now) {
            Outcome::Deliver(missing) => {
                Verdict::Deliver(missing.map(|missing| Gap { node, missing }))
            }
            Outcome::Late => Verdict::Late,
        }
    }

    /// Takes a publisher's tail that was sent in the topic itself.
    pub(in crate::hub::cluster) fn mark(
        &mut self,
        (node, incarnation): (NodeId, u64),
        topic: Topic,
        tail: u64,
        now: Instant,
    ) -> Option<Gap> {
        let &is_confirmed = self.topics.get(&topic)?;
        let publisher = self.publisher(node, incarnation, now)?;
        let missing = publisher.track(topic).mark(tail, is_confirmed, now)?;
        Some(Gap { node, missing })
    }

    /// Takes a heartbeat.
    pub(in crate::hub::cluster) fn beat(
        &mut self,
        (node, incarnation): (NodeId, u64),
        pulse: Pulse,
        now: Instant,
    ) -> Vec<Gap> {
        let topics: Vec<_> = self.topics.keys().copied().collect();
        let Some(publisher) = self.publisher(node, incarnation, now) else {
            return Vec::new();
        };
        if !publisher.awaits(pulse.beat) {
            return Vec::new();
        }
        publisher.beat = pulse.beat;
        let gaps = topics.into_iter().filter_map(|topic| {
            let tail = pulse.tails.get(topic);
            publisher.track(topic).beat(tail, now)
        });
        let gaps = gaps.map(|missing| Gap { node, missing }).collect();
        publisher.tails = pulse.tails;
        gaps
    }

    /// Takes a publisher's farewell, whose tails are judged when messages have had time to come.
    pub(in crate::hub::cluster) fn bye(
        &mut self,
        sender: (NodeId, u64),
        pulse: &Pulse,
        now: Instant,
    ) -> Vec<Gap> {
        let (node, incarnation) = sender;
        let topics: Vec<_> = self.topics.keys().copied().collect();
        let Some(publisher) = self.publisher(node, incarnation, now) else {
            return Vec::new();
        };
        if !publisher.awaits(pulse.beat) {
            return Vec::new();
        }
        publisher.beat = pulse.beat;
        publisher.stage = Stage::Leaving(now);
        let missing = topics.into_iter().filter_map(|topic| {
            let tail = pulse.tails.get(topic);
            publisher.track(topic).bye(tail, now)
        });
        missing.map(|missing| Gap { node, missing }).collect()
    }

    /// Whether a heartbeat or a farewell is the newest of its publisher, and not a copy of an older one.
    pub(in crate::hub::cluster) fn is_news(
        &self,
        (node, incarnation): (NodeId, u64),
        beat: u64,
    ) -> bool {
        self.publishers.get(&node).is_none_or(|publisher| {
            let is_same = publisher.incarnation == incarnation;
            publisher.incarnation < incarnation || is_same && publisher.awaits(beat)
        })
    }

    /// Takes a question or an order. Returns whether it is new: the numbers of a publisher's ascend on
    /// each topic, so that a copy is known.
    pub(in crate::hub::cluster) fn question(
        &mut self,
        (node, incarnation): (NodeId, u64),
        topic: Topic,
        id: u64,
        now: Instant,
    ) -> bool {
        if topic.as_partition().is_some() {
            return false;
        }
        let Some(publisher) = self.publisher(node, incarnation, now) else {
            return false;
        };
        let last = &mut publisher.asked[usize::from(topic != Topic::ALL)];
        let is_new = id > *last;
        *last = id.max(*last);
        is_new
    }

    /// Judges what a publisher that is gone has said last. It may come back.
    pub(in crate::hub::cluster) fn gone(&mut self, node: NodeId) -> Vec<Gap> {
        let publisher = self.publishers.get_mut(&node);
        publisher.map_or_else(Vec::new, |publisher| publisher.judge(node))
    }

    /// Postpones judging departed publishers until `until`.
    pub(in crate::hub::cluster) fn bear(&mut self, until: Instant) {
        for publisher in self.publishers.values_mut() {
            match &mut publisher.stage {
                Stage::Leaving(left) if *left + TO_ARRIVE < until => *left = until - TO_ARRIVE,
                _ => {}
            }
        }
    }

    /// Judges those that have left.
    pub(in crate::hub::cluster) fn sweep(&mut self, now: Instant) -> Vec<Gap> {
        let mut gaps = Vec::new();
        for (&node, publisher) in &mut self.publishers {
            if matches!(publisher.stage, Stage::Leaving(left) if now >= left + TO_ARRIVE) {
                gaps.extend(publisher.judge(node));
                publisher.stage = Stage::Left;
                publisher.tracks = HashMap::new();
            }
        }
        gaps
    }

    /// Whether a node is up, or may come back.
    pub(in crate::hub::cluster) fn knows(&self, node: NodeId) -> bool {
        let publisher = self.publishers.get(&node);
        publisher.is_some_and(|publisher| publisher.stage != Stage::Left)
    }

    /// Returns the nodes that are up or may come back.
    pub(in crate::hub::cluster) fn nodes(&self) -> impl Iterator<Item = NodeId> {
        let publishers = self.publishers.iter();
        let there = publishers.filter(|(_, publisher)| publisher.stage != Stage::Left);
        there.map(|(node, _)| *node)
    }

    /// Returns the topics on which a publisher has to set its baseline.
    pub(in crate::hub::cluster) fn lacking(&self, node: NodeId) -> Topics {
        let mut topics = Topics::default();
        if let Some(publisher) = self.publishers.get(&node) {
            for topic in self.topics.keys() {
                let track = publisher.tracks.get(topic);
                if track.is_none_or(Track::lacks_baseline) {
                    topics.insert(*topic);
                }
            }
        }
        topics
    }

    #[cfg(test)]
    pub(super) fn incarnation(&self, node: NodeId) -> Option<u64> {
        self.publishers
            .get(&node)
            .map(|publisher| publisher.incarnation)
    }

    #[cfg(test)]
    pub(super) fn is_asked(&self, node: NodeId, topic: Topic) -> bool {
        let track = self.publishers.get(&node);
        let track = track.and_then(|publisher| publisher.tracks.get(&topic));
        track.is_some_and(Track::is_asked)
    }

    #[cfg(test)]
    pub(super) fn accounted(&self, node: NodeId, topic: Topic) -> Option<u64> {
        let track = self.publishers.get(&node)?.tracks.get(&topic)?;
        track.accounted()
    }

    /// Returns the publisher; `None` for an older incarnation, or beyond the node limit.
    ///
    /// The numbers of a silent publisher are kept: it may have lost its link and return.
    fn publisher(
        &mut self,
        node: NodeId,
        incarnation: u64,
        now: Instant,
    ) -> Option<&mut Publisher> {
        if self.publishers.len() >= MAX_PUBLISHERS && !self.publishers.contains_key(&node) {
            let silent = self.publishers.iter().min_by_key(|(_, one)| one.heard);
            let silent = silent.filter(|(_, one)| now >= one.heard + KEPT);
            let silent = silent.map(|(node, _)| *node)?;
            self.publishers.remove(&silent);
        }
        let publisher = self.publishers.entry(node);
        let publisher = publisher.or_insert_with(|| Publisher::new(incarnation, now));
        if publisher.incarnation > incarnation {
            return None;
        }
        if publisher.incarnation < incarnation {
            *publisher = Publisher::new(incarnation, now);
        }
        if publisher.stage == Stage::Left {
            return None;
        }
        publisher.heard = now;
        Some(publisher)
    }
}

impl Publisher {
    fn new(incarnation: u64, now: Instant) -> Self {
        Self {
            incarnation,
            beat: 0,
            tails: Tails::default(),
            tracks: HashMap::new(),
            asked: [0; 2],
            heard: now,
            stage: Stage::Up,
        }
    }

    /// Whether a heartbeat with this number is the next of those that come.
    fn awaits(&self, beat: u64) -> bool {
        self.stage == Stage::Up && beat > self.beat
    }

    fn track(&mut self, topic: Topic) -> &mut Track {
        self.tracks.entry(topic).or_default()
    }

    fn judge(&mut self, node: NodeId) -> Vec<Gap> {
        let missing = self.tracks.values_mut().filter_map(Track::judge);
        missing.map(|missing| Gap { node, missing }).collect()
    }
}

/// More nodes than a cluster has: a bound on what forged frames can take.
const MAX_PUBLISHERS: usize = 4_096;

/// How long messages that were sent before a farewell may take after it.
const TO_ARRIVE: Duration = Duration::from_secs(2);

/// How long the numbers of a publisher that is not heard are kept even if there is no room for others.
const KEPT: Duration = Duration::from_secs(600);
