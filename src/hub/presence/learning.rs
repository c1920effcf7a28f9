//! Applies reports of other nodes, and builds this node's.

use std::{collections::HashSet, sync::Arc};

use tokio::time::Instant;

use super::{
    change::PresenceCause, info::Info, info::MAX_INFO, member::Holder, remotes::Learned,
    table::Table,
};
use crate::{
    hub::cluster::{MemberEntry, MemberNews, MemberReport, MemberVersions, Name, partition_of},
    protocol::{GroupId, UserId},
};

impl<W: Clone> Table<W> {
    /// Says what happens to members here to other nodes as well from now on.
    pub(super) fn publish(&mut self) {
        self.publishing = Some(Box::default());
    }

    /// Takes what has happened elsewhere. Returns `false` if it is not of this cluster.
    pub(super) fn learn(&mut self, news: MemberNews, now: Instant) -> bool {
        match news {
            MemberNews::Hears(partitions) => {
                let lost = self.remotes.hears(partitions, now);
                if lost != 0 {
                    self.forget_others(lost, |_| true, now);
                }
            }
            MemberNews::Beat {
                node,
                incarnation,
                versions,
            } => {
                if self.remotes.beat(node, incarnation, versions, now) {
                    self.forget_others(u64::MAX, |other| other == node, now);
                }
            }
            MemberNews::Report {
                node,
                incarnation,
                partition,
                mut report,
            } => {
                let is_valid = |entry: &MemberEntry| Self::is_valid(partition, entry);
                if node == self.node || !report.entries.iter().all(is_valid) {
                    return false;
                }
                // Its limit may be another, as while a new one is rolled out.
                let is_name = |name: &str| name.len() <= self.max_name_length;
                report
                    .entries
                    .retain(|entry| is_name(entry.group.as_str()) && is_name(entry.user.as_str()));
                let learned = (self.remotes).report(node, incarnation, partition, report, now);
                self.take(node, partition, learned, now);
            }
            MemberNews::Wanted(partitions) => {
                if let Some(publishing) = &mut self.publishing {
                    publishing.want(partitions, now);
                }
            }
            MemberNews::Gone(node) => {
                self.remotes.gone(node);
                self.forget_others(u64::MAX, |other| other == node, now);
            }
        }
        true
    }

    /// Returns the reports that are due, with their partitions.
    pub(super) fn reports(&mut self, now: Instant) -> Vec<(u8, MemberReport)> {
        let mut out = Vec::new();
        let Some(mut publishing) = self.publishing.take() else {
            return out;
        };
        for (partition, changed) in publishing.take_changed(now) {
            let changed = changed.into_iter();
            let entries = changed.map(|((group, user), cause)| self.entry(group, user, cause));
            publishing.changes(partition, entries.collect(), &mut out);
        }
        if let Some(partition) = publishing.take_wanted(now) {
            publishing.snapshot(partition, self.own_entries(partition));
        }
        publishing.take_parts(now, &mut out);
        self.publishing = Some(publishing);
        out
    }

    pub(super) fn member_versions(&self) -> MemberVersions {
        let publishing = self.publishing.as_ref();
        publishing.map_or_else(MemberVersions::default, |publishing| {
            publishing.versions.clone()
        })
    }

    /// Has the other nodes told of a member of this one.
    pub(super) fn note_own(
        &mut self,
        group: &GroupId,
        user: &UserId,
        cause: PresenceCause,
        now: Instant,
    ) {
        if let Some(publishing) = &mut self.publishing {
            let partition = partition_of(Name::Group(group.as_str()));
            let member = (group.clone(), user.clone());
            publishing.note(partition, member, cause, now);
        }
    }

    fn take(&mut self, node: u64, partition: u8, learned: Learned, now: Instant) {
        match learned {
            Learned::Nothing => {}
            Learned::Changes(entries) => {
                for entry in entries {
                    self.take_entry(node, entry, now);
                }
            }
            Learned::All(entries, later) => {
                let named = entries.iter().map(|entry| (&entry.group, &entry.user));
                let named: HashSet<_> = named.collect();
                let gone: Vec<_> = self
                    .of_others(1 << partition, |other| other == node)
                    .into_iter()
                    .filter(|(group, user, _)| !named.contains(&(group, user)))
                    .collect();
                for (group, user, _) in gone {
                    self.set_gone(&group, &user, node, PresenceCause::Lost, now);
                }
                for entry in entries.into_iter().chain(later) {
                    self.take_entry(node, entry, now);
                }
            }
        }
    }

    fn take_entry(&mut self, node: u64, entry: MemberEntry, now: Instant) {
        let MemberEntry {
            group,
            user,
            sockets,
            cause,
            info,
        } = entry;
        if user.is_empty() {
            self.set_anonymous(&group, node, sockets, now);
            return;
        }
        if let Some((stamp, _)) = &info {
            self.hear_word(*stamp);
        }
        let info = info.map(|(stamp, json)| Arc::new(Info { stamp, json }));
        let holder = Holder {
            node,
            sockets,
            info,
        };
        let cause = PresenceCause::from_code(cause).unwrap_or(PresenceCause::Closed);
        self.set(&group, &user, holder, cause, now);
    }

    fn set_gone(
        &mut self,
        group: &GroupId,
        user: &UserId,
        node: u64,
        cause: PresenceCause,
        now: Instant,
    ) {
        if user.is_empty() {
            self.set_anonymous(group, node, 0, now);
            return;
        }
        let holder = Holder {
            node,
            sockets: 0,
            info: None,
        };
        self.set(group, user, holder, cause, now);
    }

    /// Forgets what some other nodes have in some partitions, one bit for each.
    fn forget_others(&mut self, partitions: u64, which: impl Fn(u64) -> bool, now: Instant) {
        for (group, user, node) in self.of_others(partitions, which) {
            self.set_gone(&group, &user, node, PresenceCause::NodeGone, now);
        }
    }

    /// Returns the members that some other nodes have in some partitions, one bit for each.
    fn of_others(
        &self,
        partitions: u64,
        which: impl Fn(u64) -> bool,
    ) -> Vec<(GroupId, UserId, u64)> {
        let mut found = Vec::new();
        let is_it = |node: u64| node != self.node && which(node);
        let groups = self.groups.iter();
        for (name, group) in groups.filter(|(_, group)| partitions >> group.partition & 1 == 1) {
            for (user, member) in &group.members {
                let nodes = member.nodes().filter(|node| is_it(*node));
                found.extend(nodes.map(|node| (name.clone(), user.clone(), node)));
            }
            let nodes = group.anonymous.keys().filter(|node| is_it(**node));
            found.extend(nodes.map(|node| (name.clone(), UserId::default(), *node)));
        }
        found
    }

    /// Returns all that this node has in a partition.
    fn own_entries(&self, partition: u8) -> Vec<MemberEntry> {
        let groups = self.groups.iter();
        let groups = groups.filter(|(_, group)| group.partition == partition);
        groups
            .flat_map(|(name, group)| {
                let own = group.members.iter();
                let own = own.filter(|(_, member)| member.holder(self.node).is_some());
                let own = own.map(|(user, _)| user.clone());
                let anonymous = group.anonymous.get(&self.node).map(|_| UserId::default());
                own.chain(anonymous)
                    .map(|user| self.entry(name.clone(), user, PresenceCause::Closed))
            })
            .collect()
    }

    /// Returns what this node has of a member now.
    fn entry(&self, group: GroupId, user: UserId, cause: PresenceCause) -> MemberEntry {
        let of = self.groups.get(&group);
        let anonymous = || of.and_then(|of| of.anonymous.get(&self.node)).copied();
        let member = || of.and_then(|of| of.members.get(&user)?.holder(self.node));
        let (sockets, info) = if user.is_empty() {
            (anonymous().unwrap_or_default(), None)
        } else {
            let own = member();
            let info = own.as_ref().and_then(|own| own.info.as_ref());
            let info = info.map(|info| (info.stamp, info.json.clone()));
            (own.map_or(0, |own| own.sockets), info)
        };
        MemberEntry {
            group,
            user,
            sockets,
            cause: cause.code(),
            info,
        }
    }

    /// Whether a node may say this of a partition.
    fn is_valid(partition: u8, entry: &MemberEntry) -> bool {
        let info = entry.info.as_ref().map_or(0, |(_, json)| json.get().len());
        partition_of(Name::Group(entry.group.as_str())) == partition
            && info <= MAX_INFO
            && PresenceCause::from_code(entry.cause).is_some()
    }
}
