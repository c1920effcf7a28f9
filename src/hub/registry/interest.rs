//! The partitions of the cluster that have members on this node.

use std::mem;

use super::{partitions::Partitions, registry::Registry};
use crate::{
    hub::cluster::{Name, partition_of},
    protocol::ConnectionId,
};

impl<T> Registry<T> {
    /// Counts the names of each partition from now on.
    pub(in crate::hub) fn track_partitions(&mut self) {
        let mut partitions = Partitions::default();
        for (group, _) in self.groups() {
            partitions.appeared(Name::Group(group.as_str()));
        }
        for (user, _) in self.users() {
            partitions.appeared(Name::User(user.as_str()));
        }
        self.partitions = Some(Box::new(partitions));
    }

    /// Returns the partitions with a name that has active sockets, one bit for each.
    pub(in crate::hub) fn partitions(&self) -> u64 {
        self.partitions
            .as_ref()
            .map_or(0, |partitions| partitions.used())
    }

    /// Returns the partitions of a socket's groups and user, one bit for each.
    pub(in crate::hub) fn partitions_of(&self, socket: ConnectionId) -> u64 {
        let Some(&slot) = self.by_id.get(&socket) else {
            return 0;
        };
        let entry = &self.entries[slot];
        let groups = entry.groups.iter().map(|group| Name::Group(group.as_str()));
        let user = Some(Name::User(entry.user.as_str())).filter(|_| !entry.user.is_empty());
        groups
            .chain(user)
            .fold(0, |bits, name| bits | 1 << partition_of(name))
    }

    /// Returns whether a partition had its first name since this was called last.
    pub(in crate::hub) fn take_growth(&mut self) -> bool {
        let partitions = self.partitions.as_mut();
        partitions.is_some_and(|partitions| mem::take(&mut partitions.grew))
    }
}
