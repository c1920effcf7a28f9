//! Counts possible losses of other nodes' messages, per topic.

use super::partition::{Name, partition_of};
use crate::{
    protocol::StreamRef,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// Counts possible losses of other nodes' messages. A stream whose count has not changed has all of them.
#[derive(Debug)]
pub(in crate::hub) struct Continuity {
    partitions: [AtomicU64; 64],
    to_all: AtomicU64,
    everywhere: AtomicU64,
}

impl Default for Continuity {
    fn default() -> Self {
        Self {
            partitions: std::array::from_fn(|_| AtomicU64::new(0)),
            to_all: AtomicU64::new(0),
            everywhere: AtomicU64::new(0),
        }
    }
}

impl Continuity {
    /// Returns how often messages that come this way may have been missed.
    pub(in crate::hub) fn breaks(&self, way: Way) -> u64 {
        let here = match way {
            Way::Partition(at) => &self.partitions[usize::from(at)],
            Way::ToAll => &self.to_all,
        };
        here.load(Relaxed) + self.everywhere.load(Relaxed)
    }

    /// Returns a number that changes with any of them.
    pub(in crate::hub) fn total(&self) -> u64 {
        let here = self
            .partitions
            .iter()
            .chain([&self.to_all, &self.everywhere]);
        here.map(|count| count.load(Relaxed)).sum()
    }

    /// Notes that messages may have been missed, whatever way they come.
    pub(super) fn break_everywhere(&self) {
        self.everywhere.fetch_add(1, Relaxed);
    }

    /// Notes that messages to these partitions are known to arrive from now on, and those to all.
    pub(super) fn begin(&self, partitions: u64, to_all: bool) {
        for (at, count) in self.partitions.iter().enumerate() {
            if partitions >> at & 1 == 1 {
                count.fetch_add(1, Relaxed);
            }
        }
        if to_all {
            self.to_all.fetch_add(1, Relaxed);
        }
    }
}

/// The way that a stream's messages come from other nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hub) enum Way {
    Partition(u8),
    ToAll,
}

impl Way {
    pub(in crate::hub) fn of(stream: StreamRef<'_>) -> Self {
        match stream {
            StreamRef::Group(group) => Self::Partition(partition_of(Name::Group(group))),
            StreamRef::User(user) => Self::Partition(partition_of(Name::User(user))),
            StreamRef::All => Self::ToAll,
        }
    }

    /// Returns its partition, if that has to be subscribed to.
    pub(in crate::hub) fn partition(self) -> Option<u8> {
        match self {
            Self::Partition(at) => Some(at),
            Self::ToAll => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_break_is_counted_where_messages_may_be_missing() {
        let continuity = Continuity::default();
        let ways = [Way::Partition(0), Way::Partition(63), Way::ToAll];
        let breaks = || ways.map(|way| continuity.breaks(way));
        assert_eq!(breaks(), [0, 0, 0]);
        continuity.begin(1 << 63, false);
        assert_eq!(breaks(), [0, 1, 0]);
        continuity.break_everywhere();
        assert_eq!(breaks(), [1, 2, 1]);
        continuity.begin(1, true);
        assert_eq!(breaks(), [2, 2, 2]);
    }
}
