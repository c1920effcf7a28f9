//! A node's state: takes events, and returns effects.

use tokio::time::Instant;

use super::{
    backlog::Backlog,
    effect::Effect,
    interest::{Change, Interest},
    marks::Marks,
    open_link::OpenLink,
    roster::Roster,
    syncing::Syncing,
};
use crate::{
    backplane::Topic,
    hub::cluster::{
        event::{ClusterEvent, GarbageKind},
        ledger::{Gap, Ledger, Verdict},
        node_id::NodeId,
        wire::{Body, Draft, Incoming, Topics},
    },
};

/// What a node knows of its cluster. Pure: the time is an argument, and what is to be done is returned.
#[derive(Debug)]
pub(in crate::hub::cluster) struct State {
    pub(super) node: NodeId,
    pub(super) incarnation: u64,
    pub(super) ledger: Ledger,
    pub(super) roster: Roster,
    pub(super) interest: Interest,
    syncing: Syncing,
    marks: Marks,
    pub(super) link: Option<OpenLink>,
    /// What has arrived during a stall and may not be read yet.
    pub(super) backlog: Option<Backlog>,
    /// The number of the last heartbeat.
    pub(super) beat: u64,
    pub(super) next_beat: Instant,
    /// When the last heartbeat was sent or repeated.
    pub(super) introduced: Instant,
    /// When it is to be repeated for nodes that are new.
    pub(super) introduction: Option<Instant>,
    nonce: u64,
    pub(in crate::hub::cluster) received: u64,
    pub(in crate::hub::cluster) late: u64,
    pub(in crate::hub::cluster) gaps: u64,
    pub(in crate::hub::cluster) missing: u64,
}

impl State {
    pub(in crate::hub::cluster) fn new(node: NodeId, incarnation: u64, now: Instant) -> Self {
        let mut ledger = Ledger::default();
        ledger.subscribe(Topic::ALL, now);
        ledger.subscribe(Topic::node(node.0), now);
        Self {
            node,
            incarnation,
            ledger,
            roster: Roster::default(),
            interest: Interest::default(),
            syncing: Syncing::default(),
            marks: Marks::default(),
            link: None,
            backlog: None,
            beat: 0,
            next_beat: now,
            introduced: now,
            introduction: None,
            // Where they begin is of no matter.
            nonce: incarnation,
            received: 0,
            late: 0,
            gaps: 0,
            missing: 0,
        }
    }

    /// Takes the partitions that have members here now.
    pub(in crate::hub::cluster) fn want(
        &mut self,
        wanted: u64,
        now: Instant,
        out: &mut Vec<Effect>,
    ) {
        let change = self.interest.update(wanted, now);
        if change != Change::default() {
            self.tell_what_is_heard(out);
        }
        let partitions = |bits: u64| {
            let numbers = (0..Topic::PARTITIONS).filter(move |at| bits >> at & 1 == 1);
            numbers.map(Topic::partition)
        };
        for topic in partitions(change.unsubscribe) {
            self.ledger.unsubscribe(topic);
            self.syncing.stop(topic);
            if self.link.is_some() {
                out.push(Effect::Unsubscribe(topic));
            }
        }
        let mut topics = Topics::default();
        for topic in partitions(change.subscribe) {
            self.ledger.subscribe(topic, now);
            if self.link.is_some() {
                topics.insert(topic);
                out.push(Effect::Subscribe(topic));
            }
        }
        self.sync(topics, now, out);
    }

    /// Returns the topics to subscribe to on a new link.
    pub(in crate::hub::cluster) fn topics(&self) -> Vec<Topic> {
        self.own_topics().of(self.node.0).collect()
    }

    /// Goes on with a link that is open and subscribed to some topics: [`topics`](Self::topics) as they
    /// were when it was opened.
    pub(in crate::hub::cluster) fn link_up(
        &mut self,
        subscribed: &[Topic],
        now: Instant,
        out: &mut Vec<Effect>,
    ) {
        self.roster.listen(now);
        self.link = Some(OpenLink::new(now));
        out.push(Effect::Event(ClusterEvent::Up));
        let topics = self.topics();
        let surplus = subscribed.iter().filter(|topic| !topics.contains(topic));
        out.extend(surplus.map(|topic| Effect::Unsubscribe(*topic)));
        let lacking = topics.iter().filter(|topic| !subscribed.contains(topic));
        out.extend(lacking.map(|topic| Effect::Subscribe(*topic)));
        if now >= self.next_beat {
            self.push_beat(now, out);
        } else {
            out.push(Effect::RepeatBeat);
        }
        self.sync(self.own_topics(), now, out);
    }

    pub(in crate::hub::cluster) fn link_down(&mut self, out: &mut Vec<Effect>) {
        self.backlog = None;
        if self.link.take().is_some() {
            self.marks.clear();
            self.introduction = None;
            out.push(Effect::Event(ClusterEvent::Down));
        }
    }

    /// Does what is due.
    pub(in crate::hub::cluster) fn tick(&mut self, now: Instant, out: &mut Vec<Effect>) {
        if self.link.is_none() {
            return;
        }
        let is_beat = self.beat(now, out);
        let marks = self.marks.due(now).into_iter();
        out.extend(marks.map(|topic| Effect::Mark(topic, 0)));
        for node in self.roster.sweep(now) {
            self.syncing.gone(node);
            let gaps = self.ledger.gone(node);
            self.report(gaps, out);
            let clean = false;
            out.push(Effect::Event(ClusterEvent::NodeGone { node, clean }));
        }
        let gaps = self.ledger.sweep(now);
        self.report(gaps, out);
        let (others, own) = self.syncing.retry(now);
        for (topic, nonce) in own {
            out.push(Effect::Subscribe(topic));
            out.push(Effect::Mark(topic, nonce));
        }
        for (node, topics) in others {
            ask(topics, node, out);
        }
        if is_beat {
            for node in self.roster.nodes() {
                ask(self.ledger.lacking(node), node, out);
            }
        }
    }

    /// Returns when something is due, if there is a link.
    pub(in crate::hub::cluster) fn deadline(&self) -> Option<Instant> {
        let link = self.link.as_ref()?;
        let others = [
            self.roster.deadline(),
            self.syncing.deadline(),
            self.marks.deadline(),
            self.introduction,
        ];
        let first = others.into_iter().flatten().min();
        let own = self.next_beat.min(link.deadline());
        Some(first.map_or(own, |first| first.min(own)))
    }

    /// Whether the link carries nothing, although it looks alive.
    pub(in crate::hub::cluster) fn is_deaf(&self, now: Instant) -> bool {
        let link = self.link.as_ref();
        link.is_some_and(|link| link.is_deaf(now))
    }

    /// Takes what has arrived on a topic.
    pub(in crate::hub::cluster) fn receive(
        &mut self,
        topic: Topic,
        frame: Incoming,
        now: Instant,
        out: &mut Vec<Effect>,
    ) {
        let Incoming {
            node,
            incarnation,
            number,
            body,
        } = frame;
        self.note_arrival(now);
        if node == self.node {
            if self.is_twin(incarnation, &body) {
                out.push(Effect::Refuse(GarbageKind::SameNode));
            } else {
                self.receive_own(topic, &body, now);
            }
            return;
        }
        let sender = (node, incarnation);
        match body {
            Body::Message { recipients, json } => {
                let deliver = Effect::Deliver(recipients, json);
                self.receive_message(sender, topic, number, now, deliver, out);
            }
            Body::Entry {
                recipients,
                placed,
                entry,
            } => {
                let enter = Effect::Enter(node, recipients, placed, entry);
                self.receive_message(sender, topic, number, now, enter, out);
            }
            Body::Mark { .. } => {
                let gap = self.ledger.mark(sender, topic, number, now);
                self.report(gap, out);
                self.syncing.mark(topic, node);
            }
            Body::Beat(pulse) => self.receive_beat(sender, pulse, now, out),
            Body::Bye(pulse) => {
                if !self.ledger.is_news(sender, pulse.beat) {
                    return;
                }
                let gaps = self.ledger.bye(sender, &pulse, now);
                self.report(gaps, out);
                self.syncing.gone(node);
                if self.roster.bye(node, incarnation) {
                    let clean = true;
                    out.push(Effect::Event(ClusterEvent::NodeGone { node, clean }));
                }
            }
            Body::Sync(mut topics) => {
                // A topic for each name that a frame makes up would have no bound.
                topics.node &= self.knows(node);
                self.mark(topics.of(node.0), now, out);
                if topic == Topic::ALL {
                    // It may have a link only now, and what it was asked before is lost.
                    ask(self.syncing.lacking(node), node, out);
                }
                self.introduce(now, out);
            }
            Body::Question(id, question) => {
                if self.ledger.question(sender, topic, id, now) {
                    out.push(Effect::Answer(node, id, question));
                }
            }
            Body::Members(report) => {
                self.receive_members(sender, topic, report, out);
            }
            Body::MembersWanted(partitions) => {
                self.receive_member_request(node, partitions, out);
            }
            Body::Answer {
                id,
                number,
                is_last,
                part,
            } => out.push(Effect::Answered {
                from: node,
                id,
                number,
                is_last,
                part,
            }),
        }
    }

    pub(in crate::hub::cluster) fn is_connected(&self) -> bool {
        self.link.is_some()
    }

    /// Returns the partitions whose subscription is known to work, one bit for each, and whether there is
    /// no topic of which that is not known.
    pub(in crate::hub::cluster) fn synced(&self) -> (u64, bool) {
        if self.link.is_none() {
            return (0, false);
        }
        let subscribed = self.interest.subscribed();
        let synced = (0..Topic::PARTITIONS).fold(0, |bits, at| {
            let is_synced = !self.syncing.is_pending(Topic::partition(at));
            bits | u64::from(is_synced) << at
        });
        (subscribed & synced, self.syncing.is_empty())
    }

    /// Whether messages to all are known to arrive.
    pub(in crate::hub::cluster) fn hears_all(&self) -> bool {
        self.link.is_some() && !self.syncing.is_pending(Topic::ALL)
    }

    /// Sends marks that another node asks for, at once or soon.
    fn mark(&mut self, topics: impl Iterator<Item = Topic>, now: Instant, out: &mut Vec<Effect>) {
        let mut is_late = false;
        for topic in topics {
            if self.marks.ask(topic, now) {
                out.push(Effect::Mark(topic, 0));
            } else {
                is_late = true;
            }
        }
        out.extend(is_late.then_some(Effect::Soon));
    }

    fn receive_message(
        &mut self,
        sender: (NodeId, u64),
        topic: Topic,
        number: u64,
        now: Instant,
        effect: Effect,
        out: &mut Vec<Effect>,
    ) {
        match self.ledger.message(sender, topic, number, now) {
            Verdict::Deliver(gap) => {
                self.received += 1;
                self.report(gap, out);
                out.push(effect);
            }
            Verdict::Late => self.late += 1,
            Verdict::NotWanted => {}
        }
    }

    fn receive_own(&mut self, topic: Topic, body: &Body, now: Instant) {
        match body {
            Body::Beat(_) => self.link.iter_mut().for_each(|link| link.hear(now)),
            Body::Mark { nonce } => {
                let is_it = self.syncing.own_mark(topic, *nonce, now);
                if is_it {
                    self.ledger.confirm(topic);
                }
            }
            _ => {}
        }
    }

    /// Asks all nodes for marks in topics that were just subscribed to, and sends this node's own.
    fn sync(&mut self, topics: Topics, now: Instant, out: &mut Vec<Effect>) {
        if topics.is_empty() {
            return;
        }
        for topic in topics.of(self.node.0) {
            self.nonce = self.nonce.wrapping_add(1).max(1);
            self.syncing
                .start(topic, self.nonce, self.roster.nodes(), now);
            out.push(Effect::Mark(topic, self.nonce));
        }
        out.push(Effect::Send(Draft::sync(Topic::ALL, topics)));
    }

    fn own_topics(&self) -> Topics {
        Topics {
            partitions: self.interest.subscribed(),
            all: true,
            node: true,
        }
    }

    pub(super) fn report(&mut self, gaps: impl IntoIterator<Item = Gap>, out: &mut Vec<Effect>) {
        for Gap { node, missing } in gaps {
            self.gaps += 1;
            self.missing = self.missing.saturating_add(missing.unwrap_or_default());
            out.push(Effect::Event(ClusterEvent::Gap { node, missing }));
        }
    }
}

/// Asks a node for marks in topics.
pub(super) fn ask(topics: Topics, node: NodeId, out: &mut Vec<Effect>) {
    if !topics.is_empty() {
        out.push(Effect::Send(Draft::sync(Topic::node(node.0), topics)));
    }
}
