//! A frame for other nodes, before it has its number and signature.

use bytes::Bytes;

use super::{
    inquiry::Question,
    members::MemberReport,
    placed::{PLACED, Placed},
    recipients::write_recipients,
    signature::Key,
    tails::{Pulse, Topics},
};
use crate::{backplane::Topic, hub::cluster::node_id::NodeId, protocol::Recipient};

/// The most bytes of a frame, signature included: what NATS carries by default.
pub(in crate::hub::cluster) const MAX_FRAME: usize = 1 << 20;

pub(super) const MAGIC: &[u8; 2] = b"WC";
pub(super) const VERSION: u8 = 1;
pub(super) const HEADER: usize = 39;
pub(super) const SIGNED: u8 = 1;

pub(super) const MESSAGE: u8 = 1;
pub(super) const MARK: u8 = 2;
pub(super) const BEAT: u8 = 3;
pub(super) const SYNC: u8 = 4;
pub(super) const BYE: u8 = 5;
pub(super) const QUESTION: u8 = 6;
pub(super) const ANSWER: u8 = 7;
pub(super) const MEMBERS: u8 = 8;
pub(super) const MEMBERS_WANTED: u8 = 9;
pub(super) const ENTRY: u8 = 10;

const AT_KIND: usize = 4;
const AT_FLAGS: usize = 5;
const AT_NODE: usize = 6;
const AT_INCARNATION: usize = 14;
const AT_NUMBER: usize = 31;

/// A frame that lacks its sender, its number and its signature.
#[derive(Debug)]
pub(in crate::hub::cluster) struct Draft {
    topic: Topic,
    bytes: Vec<u8>,
}

impl Draft {
    pub(in crate::hub::cluster) fn message(
        topic: Topic,
        recipients: &[Recipient],
        json: &[u8],
    ) -> Self {
        let names: usize = recipients.iter().map(|to| to.value.len() + 5).sum();
        let mut draft = Self::new(topic, MESSAGE, names + json.len());
        write_recipients(&mut draft.bytes, recipients);
        draft.bytes.extend_from_slice(json);
        draft
    }

    /// An entry of a stream, which counts among the messages of its topic.
    pub(in crate::hub::cluster) fn entry(
        topic: Topic,
        recipients: &[Recipient],
        placed: Placed,
        entry: &[u8],
    ) -> Self {
        let names: usize = recipients.iter().map(|to| to.value.len() + 5).sum();
        let mut draft = Self::new(topic, ENTRY, PLACED + names + entry.len());
        placed.write(&mut draft.bytes);
        write_recipients(&mut draft.bytes, recipients);
        draft.bytes.extend_from_slice(entry);
        draft
    }

    pub(in crate::hub::cluster) fn mark(topic: Topic, nonce: u64) -> Self {
        let mut draft = Self::new(topic, MARK, 8);
        draft.bytes.extend_from_slice(&nonce.to_be_bytes());
        draft
    }

    pub(in crate::hub::cluster) fn beat(pulse: &Pulse) -> Self {
        Self::pulse(BEAT, pulse)
    }

    pub(in crate::hub::cluster) fn bye(pulse: &Pulse) -> Self {
        Self::pulse(BYE, pulse)
    }

    /// Asks the nodes that hear `topic` for marks in the topics.
    pub(in crate::hub::cluster) fn sync(topic: Topic, topics: Topics) -> Self {
        let mut draft = Self::new(topic, SYNC, 9);
        topics.write(&mut draft.bytes);
        draft
    }

    pub(in crate::hub::cluster) fn question(topic: Topic, id: u64, question: &Question) -> Self {
        let mut draft = Self::new(topic, QUESTION, 64);
        draft.bytes.extend_from_slice(&id.to_be_bytes());
        question.write(&mut draft.bytes);
        draft
    }

    pub(in crate::hub::cluster) fn answer(
        to: NodeId,
        id: u64,
        number: usize,
        is_last: bool,
        part: &[u8],
    ) -> Self {
        // An answer of more parts than there are numbers would not be taken by the node that asks.
        let number = u16::try_from(number).unwrap_or(u16::MAX);
        let mut draft = Self::new(Topic::node(to.0), ANSWER, 11 + part.len());
        draft.bytes.extend_from_slice(&id.to_be_bytes());
        draft.bytes.extend_from_slice(&number.to_be_bytes());
        draft.bytes.push(u8::from(is_last));
        draft.bytes.extend_from_slice(part);
        draft
    }

    pub(in crate::hub::cluster) fn members(partition: u8, report: &MemberReport) -> Self {
        let mut draft = Self::new(Topic::partition(partition), MEMBERS, 64);
        report.write(&mut draft.bytes);
        draft
    }

    /// Asks a node for snapshots of partitions, one bit for each.
    pub(in crate::hub::cluster) fn members_wanted(of: NodeId, partitions: u64) -> Self {
        let mut draft = Self::new(Topic::node(of.0), MEMBERS_WANTED, 8);
        draft.bytes.extend_from_slice(&partitions.to_be_bytes());
        draft
    }

    pub(in crate::hub::cluster) fn topic(&self) -> Topic {
        self.topic
    }

    /// Returns the bytes of the frame, its signature included.
    pub(in crate::hub::cluster) fn len(&self) -> usize {
        self.bytes.len() + SIGNATURE_ROOM
    }

    /// Says who sends the frame, and which one of its topic it is.
    pub(in crate::hub::cluster) fn stamp(&mut self, node: NodeId, incarnation: u64, number: u64) {
        self.put(AT_NODE, node.0);
        self.put(AT_INCARNATION, incarnation);
        self.put(AT_NUMBER, number);
    }

    /// Returns the bytes, signed if there is a key.
    pub(in crate::hub::cluster) fn finish(mut self, key: Option<&Key>) -> Bytes {
        if let Some(key) = key {
            self.bytes[AT_FLAGS] |= SIGNED;
            let signature = key.sign(&self.bytes);
            self.bytes.extend_from_slice(&signature);
        }
        self.bytes.into()
    }

    fn pulse(kind: u8, pulse: &Pulse) -> Self {
        let mut draft = Self::new(Topic::ALL, kind, 128);
        pulse.write(&mut draft.bytes);
        draft
    }

    fn new(topic: Topic, kind: u8, room: usize) -> Self {
        let mut bytes = Vec::with_capacity(HEADER + room + SIGNATURE_ROOM);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&[VERSION, Topic::PARTITIONS]);
        bytes.resize(HEADER, 0);
        bytes[AT_KIND] = kind;
        let (kind, number) = topic.to_code();
        bytes[AT_TOPIC] = kind;
        let mut draft = Self { topic, bytes };
        draft.put(AT_TOPIC + 1, number);
        draft
    }

    fn put(&mut self, at: usize, number: u64) {
        self.bytes[at..at + 8].copy_from_slice(&number.to_be_bytes());
    }
}

const AT_TOPIC: usize = 22;

const SIGNATURE_ROOM: usize = super::signature::SIGNATURE;
