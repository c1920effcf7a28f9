//! Feeds events to the state and carries out its effects.

use std::{mem, sync::Arc};

use tokio::time::Instant;

use super::{
    event::{ClusterEvent, GarbageKind},
    local::{Local, MemberNews},
    node::{Node, Synced},
    node_id::NodeId,
    state::{Effect, State},
    wire::{self, Draft, Pulse},
};
use crate::{
    backplane::{Arrival, Topic},
    frame::Frame,
    sync::atomic::Ordering::Relaxed,
};

impl Node {
    /// Subscribes to partitions that have their first member. To be called without a lock.
    pub(in crate::hub) fn interest_grew(self: &Arc<Self>, local: &dyn Local) {
        self.start();
        let interest = local.interest();
        let mut effects = Vec::new();
        let mut state = self.state.lock();
        state.want(interest, Instant::now(), &mut effects);
        self.publish_synced(&state);
        self.queue(&state, &mut effects);
        drop(state);
        self.hand_on_news(local);
        self.apply(local, &mut effects);
        // Something else may be due first now.
        self.changed.notify_one();
    }

    /// Returns the topics that a new link is to be subscribed to.
    pub(super) fn topics(&self) -> Vec<Topic> {
        self.state.lock().topics()
    }

    /// Takes what has arrived from the broker.
    pub(super) fn receive(&self, local: &dyn Local, arrival: &Arrival, effects: &mut Vec<Effect>) {
        if wire::is_own_echo(arrival, self.id) {
            if self.is_catching_up.load(Relaxed) {
                self.state.lock().note_arrival(Instant::now());
            }
            return;
        }
        let frame = match wire::read(arrival, self.key.as_ref()) {
            Ok(frame) => frame,
            Err(wire::Refused(kind)) => return self.refuse(local, kind),
        };
        let is_message = matches!(
            frame.body,
            wire::Body::Message { .. } | wire::Body::Entry { .. }
        );
        let mut state = self.state.lock();
        state.receive(arrival.topic, frame, Instant::now(), effects);
        if !is_message {
            self.publish_synced(&state);
            self.queue(&state, effects);
        }
        drop(state);
        if !is_message {
            self.hand_on_news(local);
        }
        self.apply(local, effects);
    }

    /// Queues what must reach the broker, and what concerns members, in the order in which the state has
    /// found it to be done: of two threads the one that was first must not unsubscribe from what the other
    /// has just subscribed to. So the state is held meanwhile.
    fn queue(&self, _held: &State, effects: &mut Vec<Effect>) {
        let effects_of_now = mem::take(effects).into_iter();
        let later = effects_of_now.filter_map(|effect| {
            if let Effect::Event(ClusterEvent::NodeGone { node, .. }) = effect {
                self.news.push(MemberNews::Gone(node.0));
            }
            match effect {
                Effect::Members(news) => self.news.push(news),
                Effect::Subscribe(topic) => self.outgoing.subscribe(topic),
                Effect::Unsubscribe(topic) => self.outgoing.unsubscribe(topic),
                Effect::Mark(topic, nonce) => self.outgoing.mark(topic, nonce),
                Effect::Send(draft) => _ = self.outgoing.other(draft),
                later => return Some(later),
            }
            None
        });
        *effects = later.collect();
    }

    /// Hands on what concerns members and was [queued](Self::queue).
    fn hand_on_news(&self, local: &dyn Local) {
        for _ in 0..self.news.hand_on(local) {
            self.refuse(local, GarbageKind::Malformed);
        }
    }

    /// Does what the state has found to be done, except what was [queued](Self::queue).
    pub(super) fn apply(&self, local: &dyn Local, effects: &mut Vec<Effect>) {
        for effect in effects.drain(..) {
            match effect {
                Effect::Event(event) => self.tell(local, &event),
                Effect::Refuse(kind) => self.refuse(local, kind),
                Effect::Members(_)
                | Effect::Subscribe(_)
                | Effect::Unsubscribe(_)
                | Effect::Mark(..)
                | Effect::Send(_) => {}
                Effect::Beat(beat) => {
                    let pulse = self.pulse(local, beat);
                    self.outgoing.beat(Draft::beat(&pulse));
                    *self.pulse.lock() = pulse;
                }
                Effect::Soon => self.changed.notify_one(),
                Effect::RepeatBeat => {
                    // A node that is new has heard none of the reports before.
                    let members = local.member_versions();
                    let mut pulse = self.pulse.lock();
                    pulse.members = members;
                    self.outgoing.beat(Draft::beat(&pulse));
                }
                Effect::Deliver(recipients, json) => {
                    local.deliver(&recipients, &Frame::text(&json));
                }
                Effect::Enter(sender, recipients, placed, entry) => {
                    local.enter(sender.0, &recipients, placed, &entry);
                }
                Effect::Answer(from, id, question) => {
                    let parts = local.answer(&question).parts();
                    let last = parts.len() - 1;
                    for (number, part) in parts.iter().enumerate() {
                        let draft = Draft::answer(from, id, number, number == last, part);
                        // Without room the node that asks hears nothing, and says so.
                        if !self.outgoing.other(draft) {
                            self.counters.unanswered.fetch_add(1, Relaxed);
                            break;
                        }
                    }
                }
                Effect::Answered {
                    from,
                    id,
                    number,
                    is_last,
                    part,
                } => self.inquiries.answered(from, id, number, is_last, &part),
            }
        }
    }

    /// Tells the application.
    pub(super) fn tell(&self, local: &dyn Local, event: &ClusterEvent) {
        tracing::debug!(?event, "the cluster has changed");
        if matches!(
            event,
            ClusterEvent::Up
                | ClusterEvent::Down
                | ClusterEvent::Gap { .. }
                // What it was about to send is in a store, perhaps.
                | ClusterEvent::NodeGone { clean: false, .. }
        ) {
            self.continuity.break_everywhere();
        }
        if self.hooks.tell(event) {
            local.hook_panicked();
        }
    }

    /// Returns what a heartbeat says now.
    pub(super) fn pulse(&self, local: &dyn Local, beat: u64) -> Pulse {
        Pulse {
            beat,
            counts: local.counts(),
            tails: self.outgoing.tails(),
            members: local.member_versions(),
        }
    }

    /// Returns what a farewell says.
    pub(super) fn farewell(&self, beat: u64) -> Pulse {
        Pulse {
            beat,
            tails: self.outgoing.tails(),
            ..Pulse::default()
        }
    }

    /// Has a link that is subscribed to some topics. Returns `false` if the hub is gone.
    pub(super) fn link_is_open(&self, topics: &[Topic]) -> bool {
        let Some(local) = self.local.upgrade() else {
            return false;
        };
        let (interest, now) = (local.interest(), Instant::now());
        let mut effects = Vec::new();
        self.counters.links.fetch_add(1, Relaxed);
        self.outgoing.open();
        let mut state = self.state.lock();
        state.want(interest, now, &mut effects);
        state.link_up(topics, now, &mut effects);
        self.publish_synced(&state);
        self.queue(&state, &mut effects);
        drop(state);
        self.hand_on_news(&*local);
        self.apply(&*local, &mut effects);
        true
    }

    /// Does what is due. Returns whether the link is good, or `None` if the hub is gone.
    pub(super) fn do_what_is_due(&self) -> Option<bool> {
        self.do_what_is_due_at(Instant::now())
    }

    pub(super) fn do_what_is_due_at(&self, now: Instant) -> Option<bool> {
        let local = self.local.upgrade()?;
        let interest = local.interest();
        let mut effects = Vec::new();
        let mut state = self.state.lock();
        self.is_catching_up.store(state.catch_up(now), Relaxed);
        if state.is_deaf(now) {
            drop(state);
            self.counters.deaf.fetch_add(1, Relaxed);
            tracing::warn!("the link to the broker carries nothing, although it looks alive");
            self.tell(&*local, &ClusterEvent::Deaf);
            return Some(false);
        }
        state.want(interest, now, &mut effects);
        state.tick(now, &mut effects);
        self.publish_synced(&state);
        self.queue(&state, &mut effects);
        let remembered = state.remembered();
        drop(state);
        self.outgoing
            .retain_nodes(|node| remembered.contains(&NodeId(node)));
        self.hand_on_news(&*local);
        self.apply(&*local, &mut effects);
        Some(true)
    }

    /// Has no link any more.
    pub(super) fn link_is_over(&self) {
        self.outgoing.close();
        let mut effects = Vec::new();
        let mut state = self.state.lock();
        state.link_down(&mut effects);
        self.publish_synced(&state);
        drop(state);
        if let Some(local) = self.local.upgrade() {
            self.apply(&*local, &mut effects);
        }
    }

    /// Tells those that wait which subscriptions work now.
    pub(super) fn publish_synced(&self, state: &State) {
        let (partitions, is_whole) = state.synced();
        let now = Synced {
            partitions,
            to_all: state.hears_all(),
            is_whole,
            is_connected: state.is_connected(),
        };
        self.synced.send_if_modified(|synced| {
            let before = *synced;
            *synced = now;
            // Before anything that arrives from then on.
            let partitions = now.partitions & !before.partitions;
            self.continuity
                .begin(partitions, now.to_all && !before.to_all);
            before != now
        });
    }

    /// Drops what is not of this cluster.
    fn refuse(&self, local: &dyn Local, kind: GarbageKind) {
        self.counters.garbage.fetch_add(1, Relaxed);
        let log = match kind {
            GarbageKind::SameNode => &self.twin_log,
            _ => &self.log,
        };
        let Some(suppressed) = log.pass(kind) else {
            return;
        };
        if matches!(kind, GarbageKind::Version | GarbageKind::SameNode) {
            tracing::error!(suppressed, "dropped a message of another node: {kind}");
        } else {
            tracing::warn!(suppressed, "dropped a message from the broker: {kind}");
        }
        self.tell(local, &ClusterEvent::Garbage { kind });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use tokio::time::advance;

    use super::*;
    use crate::{
        backplane::MemoryBackplane,
        hub::{
            cluster::wire::{Counts, MemberVersions, Placed, Question, Value},
            hooks::Hooks,
        },
        protocol::Recipient,
        sync::Mutex,
    };

    /// A hub that notes what it hears of members.
    #[derive(Default)]
    struct Hearing(Mutex<Vec<String>>);

    impl Local for Hearing {
        fn deliver(&self, _: &[Recipient], _: &Frame) {}

        fn enter(&self, _: u64, _: &[Recipient], _: Placed, _: &Bytes) {}

        fn interest(&self) -> u64 {
            0
        }

        fn counts(&self) -> Counts {
            Counts::default()
        }

        fn answer(&self, question: &Question) -> Value {
            Value::none(question)
        }

        fn member_versions(&self) -> MemberVersions {
            MemberVersions::default()
        }

        fn members(&self, news: MemberNews) -> bool {
            self.0.lock().push(format!("{news:?}"));
            true
        }

        fn hook_panicked(&self) {}
    }

    /// Of two threads the first may be held up right after it has let go of the state.
    #[test]
    fn news_of_members_are_handed_on_in_the_order_in_which_they_were_found() {
        let hearing = Arc::new(Hearing::default());
        let local: Arc<dyn Local> = hearing.clone();
        let (broker, local) = (MemoryBackplane::new(), Arc::downgrade(&local));
        let node = Node::new(1, 1, None, broker, local, Hooks::default());
        let gone = ClusterEvent::NodeGone {
            node: NodeId(2),
            clean: false,
        };
        let is_back = MemberNews::Beat {
            node: 2,
            incarnation: 1,
            versions: MemberVersions::default(),
        };
        let mut first = vec![Effect::Event(gone)];
        let mut second = vec![Effect::Members(is_back)];
        {
            let mut state = node.state.lock();
            state.want(0b01, Instant::now(), &mut first);
            node.queue(&state, &mut first);
            state.want(0b11, Instant::now(), &mut second);
            node.queue(&state, &mut second);
        }
        for effects in [&mut second, &mut first] {
            node.hand_on_news(&*hearing);
            node.apply(&*hearing, effects);
        }
        let heard = mem::take(&mut *hearing.0.lock());
        let heard: Vec<_> = heard.iter().map(|news| news.split(' ').next()).collect();
        let found = ["Gone(2)", "Hears(1)", "Beat", "Hears(3)"];
        assert_eq!(heard, found.map(Some));
    }

    /// On a node that publishes much they are most of what has arrived.
    #[tokio::test(start_paused = true)]
    async fn a_node_that_was_stopped_reads_its_own_echoes_before_it_judges() {
        let local: Arc<dyn Local> = Arc::new(Hearing::default());
        let (broker, weak) = (MemoryBackplane::new(), Arc::downgrade(&local));
        let node = Node::new(1, 1, None, broker, weak, Hooks::default());
        assert!(node.link_is_open(&node.topics()));
        advance(Duration::from_secs(20)).await;
        assert_eq!(node.do_what_is_due(), Some(true));
        for number in 1..=8 {
            advance(Duration::from_millis(600)).await;
            let mut echo = Draft::message(Topic::ALL, &[], b"{}");
            echo.stamp(node.id, 1, number);
            let echo = Arrival::new(Topic::ALL, echo.finish(None));
            node.receive(&*local, &echo, &mut Vec::new());
            assert_eq!(node.do_what_is_due(), Some(true), "there may be more");
        }
        advance(Duration::from_secs(1)).await;
        assert_eq!(node.do_what_is_due(), Some(false));
    }
}
