//! Counts the names with active sockets in each partition of the cluster.

use crate::hub::cluster::{Name, partition_of};

/// How many names with active sockets each partition has.
#[derive(Debug)]
pub(super) struct Partitions {
    names: [u32; 64],
    /// Whether a partition had its first name since this was asked last.
    pub(super) grew: bool,
}

impl Partitions {
    pub(super) fn appeared(&mut self, name: Name<'_>) {
        let names = &mut self.names[usize::from(partition_of(name))];
        *names += 1;
        self.grew |= *names == 1;
    }

    pub(super) fn vanished(&mut self, name: Name<'_>) {
        self.names[usize::from(partition_of(name))] -= 1;
    }

    /// Returns the partitions that have a name, one bit for each.
    pub(super) fn used(&self) -> u64 {
        let names = self.names.iter().enumerate();
        let used = names.filter(|(_, names)| **names > 0);
        used.fold(0, |bits, (at, _)| bits | 1 << at)
    }
}

impl Default for Partitions {
    fn default() -> Self {
        Self {
            names: [0; 64],
            grew: false,
        }
    }
}
