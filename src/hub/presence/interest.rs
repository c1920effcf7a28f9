//! The partitions whose member reports this node wants to hear.

use std::time::Duration;

use tokio::time::Instant;

use super::table::Table;
use crate::hub::cluster::{Name, partition_of};

impl<W: Clone> Table<W> {
    /// Returns the partitions to hear, one bit for each, beside those in which there are members here: those
    /// of groups that a rule names by their whole name, that are watched, or that were asked for lately.
    ///
    /// The application's functions are to be told of all groups, which with a prefix may be anywhere.
    pub(super) fn interest(&mut self, now: Instant) -> u64 {
        if self.rules.has_prefixes() && self.has_hooks {
            return u64::MAX;
        }
        self.asked.retain(|_, until| *until > now);
        let named = self.rules.exact_names();
        let named = named.map(|name| partition_of(Name::Group(name)));
        let watched = self.groups.values();
        let watched = watched.filter(|group| !group.watchers.is_empty());
        let watched = watched.map(|group| group.partition);
        let asked = self.asked.keys().copied();
        let partitions = named.chain(watched).chain(asked);
        partitions.fold(0, |bits, partition| bits | 1 << partition)
    }

    /// Notes that the application asks for the members of a group. Returns whether its partition is not
    /// heard yet.
    pub(super) fn ask_for(&mut self, group: &str, now: Instant) -> bool {
        let partition = partition_of(Name::Group(group));
        self.asked.insert(partition, now + ASKED_FOR);
        !self.is_heard(group)
    }

    /// Whether this node hears what the others say of a group.
    pub(super) fn is_heard(&self, group: &str) -> bool {
        self.remotes.heard >> partition_of(Name::Group(group)) & 1 == 1
    }
}

/// How long a group is of interest after the application has asked for its members.
const ASKED_FOR: Duration = Duration::from_secs(60);
