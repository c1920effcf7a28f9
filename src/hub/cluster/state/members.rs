//! Passes news of other nodes' members on to presence.

use std::mem;

use super::{effect::Effect, state::State};
use crate::{
    backplane::Topic,
    hub::cluster::{
        local::MemberNews,
        node_id::NodeId,
        wire::{MemberReport, Pulse},
    },
};

impl State {
    pub(super) fn tell_what_is_heard(&self, out: &mut Vec<Effect>) {
        let hears = MemberNews::Hears(self.interest.subscribed());
        out.push(Effect::Members(hears));
    }

    pub(super) fn receive_members(
        &self,
        (node, incarnation): (NodeId, u64),
        topic: Topic,
        report: MemberReport,
        out: &mut Vec<Effect>,
    ) {
        // Of nodes that a forged frame makes up nothing is kept.
        if let Some(partition) = topic.as_partition().filter(|_| self.knows(node)) {
            out.push(Effect::Members(MemberNews::Report {
                node: node.0,
                incarnation,
                partition,
                report,
            }));
        }
    }

    pub(super) fn receive_member_request(
        &self,
        node: NodeId,
        partitions: u64,
        out: &mut Vec<Effect>,
    ) {
        if self.knows(node) {
            out.push(Effect::Members(MemberNews::Wanted(partitions)));
        }
    }

    /// Hands on how many reports of members a node has made, as of its heartbeat.
    pub(super) fn tell_of_versions(
        (node, incarnation): (NodeId, u64),
        pulse: &mut Pulse,
        out: &mut Vec<Effect>,
    ) {
        out.push(Effect::Members(MemberNews::Beat {
            node: node.0,
            incarnation,
            versions: mem::take(&mut pulse.members),
        }));
    }
}
