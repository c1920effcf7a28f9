//! Heartbeats: takes those of other nodes, and schedules this node's own.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    effect::Effect,
    roster::Heard,
    state::{State, ask},
};
use crate::hub::cluster::{event::ClusterEvent, node_id::NodeId, wire::Pulse};

impl State {
    pub(super) fn receive_beat(
        &mut self,
        (node, incarnation): (NodeId, u64),
        mut pulse: Pulse,
        now: Instant,
        out: &mut Vec<Effect>,
    ) {
        if !self.ledger.is_news((node, incarnation), pulse.beat) {
            return;
        }
        // What other nodes are sent says nothing here, and a forged frame may name many.
        pulse.tails.retain_nodes(|of| of == self.node.0);
        let heard = self.roster.beat(node, incarnation, pulse.counts, now);
        if heard == Heard::Restarted {
            let clean = false;
            out.push(Effect::Event(ClusterEvent::NodeGone { node, clean }));
        }
        if heard != Heard::Ignored {
            Self::tell_of_versions((node, incarnation), &mut pulse, out);
        }
        let gaps = self.ledger.beat((node, incarnation), pulse, now);
        if matches!(heard, Heard::Joined | Heard::Restarted) {
            out.push(Effect::Event(ClusterEvent::NodeJoined { node }));
            ask(self.ledger.lacking(node), node, out);
            self.introduce(now, out);
        }
        self.report(gaps, out);
    }

    /// Introduces this node to new nodes: one repeated heartbeat for all that join together.
    pub(super) fn introduce(&mut self, now: Instant, out: &mut Vec<Effect>) {
        if self.link.is_none() || self.introduction.is_some() {
            return;
        }
        let earliest = self.introduced + BETWEEN_INTRODUCTIONS;
        if now >= earliest {
            self.introduced = now;
            out.push(Effect::RepeatBeat);
        } else {
            self.introduction = Some(earliest);
            out.push(Effect::Soon);
        }
    }

    /// Sends the heartbeat if it is due, else the introduction that is. Returns whether it was the
    /// heartbeat.
    pub(super) fn beat(&mut self, now: Instant, out: &mut Vec<Effect>) -> bool {
        if now >= self.next_beat {
            self.push_beat(now, out);
            return true;
        }
        if self.introduction.is_some_and(|due| now >= due) {
            self.introduction = None;
            self.introduce(now, out);
        }
        false
    }

    pub(super) fn push_beat(&mut self, now: Instant, out: &mut Vec<Effect>) {
        self.beat += 1;
        self.next_beat = now + BEAT;
        self.introduced = now;
        self.introduction = None;
        out.push(Effect::Beat(self.beat));
    }
}

/// Between two heartbeats.
pub(super) const BEAT: Duration = Duration::from_secs(2);

const BETWEEN_INTRODUCTIONS: Duration = Duration::from_millis(200);
