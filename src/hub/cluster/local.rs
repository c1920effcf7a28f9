//! This node's sockets, as the cluster needs them; the hub implements it.

use bytes::Bytes;

use super::wire::{Counts, MemberReport, MemberVersions, Placed, Question, Value};
use crate::{frame::Frame, protocol::Recipient};

/// This node's sockets.
pub(in crate::hub) trait Local: Send + Sync {
    /// Queues another node's message for the sockets that its recipients select.
    fn deliver(&self, recipients: &[Recipient], frame: &Frame);

    /// Takes an entry of a stream that another node has had appended to the stream's store: the sender.
    fn enter(&self, sender: u64, recipients: &[Recipient], placed: Placed, entry: &Bytes);

    /// Returns the partitions that have a member here, one bit for each.
    fn interest(&self) -> u64;

    fn counts(&self) -> Counts;

    /// Answers a question of another node, or carries out its order.
    fn answer(&self, question: &Question) -> Value;

    /// Returns how many reports of members were made of each partition.
    fn member_versions(&self) -> MemberVersions;

    /// Takes what concerns the members of groups. Returns `false` if it is not of this cluster.
    fn members(&self, news: MemberNews) -> bool;

    /// Notes that a function of the application panicked.
    fn hook_panicked(&self);
}

/// What has happened that concerns the members of groups.
#[derive(Debug)]
pub(in crate::hub) enum MemberNews {
    /// This node hears these partitions from now on, one bit for each.
    Hears(u64),
    /// A node's heartbeat.
    Beat {
        node: u64,
        incarnation: u64,
        versions: MemberVersions,
    },
    /// A node says something of its members.
    Report {
        node: u64,
        incarnation: u64,
        partition: u8,
        report: MemberReport,
    },
    /// Another node lacks something of these partitions, one bit for each.
    Wanted(u64),
    /// A node is gone.
    Gone(u64),
}
