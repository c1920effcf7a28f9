//! Schedules the reports of this node's members to the others.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    mem,
    time::Duration,
};

use tokio::time::Instant;

use super::change::PresenceCause;
use crate::{
    hub::cluster::{MemberEntry, MemberReport, MemberVersions, ReportPart},
    protocol::{GroupId, UserId},
};

/// The reports of this node's members that are due or wait. Pure: the time is an argument.
#[derive(Debug, Default)]
pub(super) struct Publishing {
    pub(super) versions: MemberVersions,
    /// Members to report, by partition, and how their last sockets ended.
    changed: BTreeMap<u8, HashMap<(GroupId, UserId), PresenceCause>>,
    /// When changes were reported last, and when they will be next.
    last: Option<Instant>,
    due: Option<Instant>,
    /// Partitions of which another node wants all members, and from when on they may be sent.
    wanted: BTreeMap<u8, Instant>,
    /// When all members of a partition were sent last.
    sent: BTreeMap<u8, Instant>,
    /// Parts of snapshots that wait.
    parts: VecDeque<(u8, MemberReport)>,
    /// Until when no more of them are sent.
    pause: Option<Instant>,
}

impl Publishing {
    /// Has a member reported.
    pub(super) fn note(
        &mut self,
        partition: u8,
        (group, user): (GroupId, UserId),
        cause: PresenceCause,
        now: Instant,
    ) {
        let changed = self.changed.entry(partition).or_default();
        changed.insert((group, user), cause);
        let next = self.last.map(|last| last + BETWEEN_REPORTS);
        self.due
            .get_or_insert(next.map_or(now, |next| next.max(now)));
    }

    /// Has all members of some partitions sent, one bit for each: once for all nodes that want them.
    pub(super) fn want(&mut self, partitions: u64, now: Instant) {
        for partition in (0..64).filter(|at| partitions >> at & 1 == 1) {
            let last = self.sent.get(&partition);
            let next = last.map_or(now, |last| (*last + BETWEEN_SNAPSHOTS).max(now));
            self.wanted.entry(partition).or_insert(next);
        }
    }

    /// Returns the changes that are due, by partition.
    pub(super) fn take_changed(
        &mut self,
        now: Instant,
    ) -> BTreeMap<u8, HashMap<(GroupId, UserId), PresenceCause>> {
        if self.due.is_none_or(|due| due > now) {
            return BTreeMap::new();
        }
        self.due = None;
        self.last = Some(now);
        mem::take(&mut self.changed)
    }

    /// Makes reports of changes: each has a number.
    pub(super) fn changes(
        &mut self,
        partition: u8,
        entries: Vec<MemberEntry>,
        out: &mut Vec<(u8, MemberReport)>,
    ) {
        for entries in in_parts(entries) {
            let version = self.versions.next(partition);
            let part = ReportPart::Changes;
            let report = MemberReport {
                version,
                part,
                entries,
            };
            out.push((partition, report));
        }
    }

    /// Returns the partition of which all members are to be sent next. One after the other, so that no more
    /// of them wait than a partition has.
    pub(super) fn take_wanted(&mut self, now: Instant) -> Option<u8> {
        if !self.parts.is_empty() || self.is_pausing(now) {
            return None;
        }
        let due = self.wanted.iter().filter(|(_, at)| **at <= now);
        // The one that has waited longest: one node that asks again and again holds up no other.
        let (&partition, _) = due.min_by_key(|(_, at)| **at)?;
        self.wanted.remove(&partition);
        self.sent.insert(partition, now);
        Some(partition)
    }

    /// Makes a snapshot, whose parts wait for their turn.
    pub(super) fn snapshot(&mut self, partition: u8, entries: Vec<MemberEntry>) {
        let version = self.versions.get(partition);
        let parts = in_parts(entries);
        // One of more parts than there are numbers would not be taken by the others.
        let last = parts.len() - 1;
        for (number, entries) in parts.into_iter().enumerate() {
            let part = ReportPart::Snapshot {
                number: u16::try_from(number).unwrap_or(u16::MAX),
                is_last: number == last,
            };
            let report = MemberReport {
                version,
                part,
                entries,
            };
            self.parts.push_back((partition, report));
        }
    }

    /// Takes as many parts of snapshots as may be sent now: they must not fill the queue to the broker.
    pub(super) fn take_parts(&mut self, now: Instant, out: &mut Vec<(u8, MemberReport)>) {
        if self.parts.is_empty() || self.is_pausing(now) {
            return;
        }
        let count = self.parts.len().min(PARTS_AT_ONCE);
        out.extend(self.parts.drain(..count));
        self.pause = Some(now + PAUSE_PER_PART * count as u32);
    }

    fn is_pausing(&self, now: Instant) -> bool {
        self.pause.is_some_and(|pause| pause > now)
    }

    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        let wanted = self.wanted.values().min().copied();
        let next = if self.parts.is_empty() {
            wanted
        } else {
            Some(now)
        };
        let next = next.map(|next| self.pause.map_or(next, |pause| next.max(pause)));
        self.due.into_iter().chain(next).min()
    }
}

/// Divides entries into parts that are each small enough not to hold up messages; one at least.
fn in_parts(entries: Vec<MemberEntry>) -> Vec<Vec<MemberEntry>> {
    let mut parts = vec![Vec::new()];
    let mut bytes = 0;
    for entry in entries {
        bytes += entry.len();
        if bytes > MAX_PART {
            bytes = entry.len();
            parts.push(Vec::new());
        }
        let last = parts.last_mut().expect("there is always one");
        last.push(entry);
    }
    parts
}

/// Between two reports of what has changed.
const BETWEEN_REPORTS: Duration = Duration::from_millis(500);

/// Between two snapshots of a partition.
const BETWEEN_SNAPSHOTS: Duration = Duration::from_secs(1);

/// In bytes.
const MAX_PART: usize = 60 << 10;

/// Parts of snapshots that are sent at once: half a megabyte.
const PARTS_AT_ONCE: usize = 8;
const PAUSE_PER_PART: Duration = Duration::from_millis(6);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_asks_again_and_again_holds_up_no_other_partition() {
        let mut publishing = Publishing::default();
        let start = Instant::now();
        publishing.want(u64::MAX, start);
        // Each snapshot takes so long that those sent before may be sent again.
        let mut sent: Vec<_> = (0..64)
            .filter_map(|at| {
                let now = start + at * Duration::from_secs(1);
                publishing.want(u64::MAX, now);
                publishing.take_wanted(now)
            })
            .collect();
        sent.sort_unstable();
        assert_eq!(sent, (0..64).collect::<Vec<u8>>());
    }
}
