//! The last numbers of a publisher's topics, and what a heartbeat says.

use std::collections::BTreeMap;

use super::{
    members::MemberVersions,
    reader::{Reader, write_length},
};
use crate::backplane::Topic;

/// The number of the last message on each topic; 0 before the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::hub::cluster) struct Tails {
    all: u64,
    partitions: [u64; Topic::PARTITIONS as usize],
    nodes: BTreeMap<u64, u64>,
}

impl Tails {
    pub(in crate::hub::cluster) fn get(&self, topic: Topic) -> u64 {
        match topic.to_code() {
            (_, number) if topic.as_partition().is_some() => self.partitions[number as usize],
            (1, node) => self.nodes.get(&node).copied().unwrap_or_default(),
            _ => self.all,
        }
    }

    /// Returns the number of the next message.
    pub(in crate::hub::cluster) fn next(&mut self, topic: Topic) -> u64 {
        let tail = match topic.to_code() {
            (_, number) if topic.as_partition().is_some() => &mut self.partitions[number as usize],
            (1, node) => self.nodes.entry(node).or_default(),
            _ => &mut self.all,
        };
        *tail += 1;
        *tail
    }

    #[cfg(test)]
    pub(in crate::hub::cluster) fn single(topic: Topic, tail: u64) -> Self {
        let mut tails = Self::default();
        match topic.as_partition() {
            Some(number) => tails.partitions[usize::from(number)] = tail,
            None => tails.all = tail,
        }
        tails
    }

    /// Drops the numbers of topics of nodes except those.
    pub(in crate::hub::cluster) fn retain_nodes(&mut self, mut keep: impl FnMut(u64) -> bool) {
        self.nodes.retain(|&node, _| keep(node));
    }

    fn write(&self, buffer: &mut Vec<u8>) {
        buffer.extend_from_slice(&self.all.to_be_bytes());
        let used = self.partitions.iter().enumerate();
        let used = used.filter(|(_, tail)| **tail > 0);
        let mask = used.clone().fold(0, |mask, (at, _)| mask | 1u64 << at);
        buffer.extend_from_slice(&mask.to_be_bytes());
        used.for_each(|(_, tail)| buffer.extend_from_slice(&tail.to_be_bytes()));
        write_length(buffer, self.nodes.len());
        for (node, tail) in &self.nodes {
            buffer.extend_from_slice(&node.to_be_bytes());
            buffer.extend_from_slice(&tail.to_be_bytes());
        }
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let mut tails = Self {
            all: reader.u64()?,
            ..Self::default()
        };
        let mask = reader.u64()?;
        for (at, tail) in tails.partitions.iter_mut().enumerate() {
            if mask >> at & 1 == 1 {
                *tail = reader.u64()?;
            }
        }
        for _ in 0..reader.length()? {
            tails.nodes.insert(reader.u64()?, reader.u64()?);
        }
        Some(tails)
    }
}

impl Default for Tails {
    fn default() -> Self {
        Self {
            all: 0,
            partitions: [0; Topic::PARTITIONS as usize],
            nodes: BTreeMap::new(),
        }
    }
}

/// What a node counts of its sockets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::hub) struct Counts {
    pub(in crate::hub) sockets: usize,
    pub(in crate::hub) users: usize,
    pub(in crate::hub) groups: usize,
}

/// What a heartbeat says, and a bye.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::hub::cluster) struct Pulse {
    /// The number of the heartbeat, by which an older one is told from a newer.
    pub(in crate::hub::cluster) beat: u64,
    pub(in crate::hub::cluster) counts: Counts,
    pub(in crate::hub::cluster) tails: Tails,
    pub(in crate::hub::cluster) members: MemberVersions,
}

impl Pulse {
    pub(super) fn write(&self, buffer: &mut Vec<u8>) {
        let Counts {
            sockets,
            users,
            groups,
        } = self.counts;
        for number in [self.beat, sockets as u64, users as u64, groups as u64] {
            buffer.extend_from_slice(&number.to_be_bytes());
        }
        self.tails.write(buffer);
        self.members.write(buffer);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let beat = reader.u64()?;
        let mut count = || usize::try_from(reader.u64()?).ok();
        let counts = Counts {
            sockets: count()?,
            users: count()?,
            groups: count()?,
        };
        Some(Self {
            beat,
            counts,
            tails: Tails::read(reader)?,
            members: MemberVersions::read(reader)?,
        })
    }
}

/// A set of topics: partitions by their bits, the topic of all, and that of the node that speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::hub::cluster) struct Topics {
    pub(in crate::hub::cluster) partitions: u64,
    pub(in crate::hub::cluster) all: bool,
    pub(in crate::hub::cluster) node: bool,
}

impl Topics {
    pub(in crate::hub::cluster) fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Adds a topic; one of a node is that of the node that speaks.
    pub(in crate::hub::cluster) fn insert(&mut self, topic: Topic) {
        match topic.as_partition() {
            Some(number) => self.partitions |= 1 << number,
            None if topic == Topic::ALL => self.all = true,
            None => self.node = true,
        }
    }

    /// Returns the topics one by one, of those that `node` says.
    pub(in crate::hub::cluster) fn of(self, node: u64) -> impl Iterator<Item = Topic> {
        let all = self.all.then_some(Topic::ALL);
        let own = self.node.then_some(Topic::node(node));
        let partitions = (0..Topic::PARTITIONS).filter(move |at| self.partitions >> at & 1 == 1);
        let all = all.into_iter().chain(own);
        all.chain(partitions.map(Topic::partition))
    }

    pub(super) fn write(self, buffer: &mut Vec<u8>) {
        buffer.extend_from_slice(&self.partitions.to_be_bytes());
        buffer.push(u8::from(self.all) | u8::from(self.node) << 1);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let partitions = reader.u64()?;
        let flags = reader.u8().filter(|flags| *flags < 4)?;
        Some(Self {
            partitions,
            all: flags & 1 == 1,
            node: flags & 2 == 2,
        })
    }
}
