//! All groups with a presence rule: applies events to their members, and knows when something is due.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, VecDeque},
    sync::Arc,
};

use tokio::time::Instant;

use super::{
    change::{PresenceCause, PresenceChange},
    group::{Group, Told},
    info::Info,
    member::{Holder, Mark, Outcome},
    moves::{Move, Watch},
    publishing::Publishing,
    remotes::Remotes,
    view::Presence,
};
use crate::{
    config::PresenceRules,
    hub::cluster::{Name, partition_of},
    protocol::{ConnectionId, GroupId, UserId},
};

/// All groups with a presence rule. Pure: the time is an argument. `W` is a socket to which frames are
/// sent.
#[derive(Debug)]
pub(super) struct Table<W> {
    /// This node.
    pub(super) node: u64,
    pub(super) rules: Arc<PresenceRules>,
    pub(super) groups: HashMap<GroupId, Group<W>>,
    /// When absences end. Each member stands here once at most.
    absences: BinaryHeap<Reverse<(Instant, GroupId, UserId)>>,
    /// When watchers are told something.
    notices: BTreeSet<(Instant, GroupId)>,
    /// The groups that a socket watches, and how it came to.
    pub(super) watches: HashMap<ConnectionId, HashMap<GroupId, Watch>>,
    /// The values that the application set on sockets.
    pub(super) infos: HashMap<ConnectionId, Arc<Info>>,
    /// The least stamp of a value that is set from now on: later than all that was heard of.
    pub(super) next_stamp: u64,
    /// Whether the application has functions that are told of changes.
    pub(super) has_hooks: bool,
    /// Members of which they are to be told.
    unheard: VecDeque<(GroupId, UserId)>,
    /// Until when the task that does what is due sleeps.
    pub(super) sleeps_until: Option<Instant>,
    /// Partitions with groups whose members the application has asked for, and until when they matter.
    pub(super) asked: BTreeMap<u8, Instant>,
    /// The reports of other nodes.
    pub(super) remotes: Remotes,
    /// How many members they have, as far as this node keeps them.
    remote_members: usize,
    pub(super) max_remote_members: usize,
    /// Whether some of them were not kept.
    pub(super) is_truncated: bool,
    /// How many absences are waited for at once.
    pub(super) max_absences: usize,
    /// The reports of this node, in a cluster.
    pub(super) publishing: Option<Box<Publishing>>,
    /// In bytes.
    pub(super) max_name_length: usize,
    pub(super) frames: u64,
    pub(super) not_watched: u64,
}

/// The figures of a table at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) groups: usize,
    pub(super) members: usize,
    pub(super) watchers: usize,
}

impl<W: Clone> Table<W> {
    pub(super) fn new(node: u64, rules: Arc<PresenceRules>, max_name_length: usize) -> Self {
        Self {
            node,
            rules,
            groups: HashMap::new(),
            absences: BinaryHeap::new(),
            notices: BTreeSet::new(),
            watches: HashMap::new(),
            infos: HashMap::new(),
            next_stamp: 0,
            has_hooks: false,
            unheard: VecDeque::new(),
            sleeps_until: None,
            asked: BTreeMap::new(),
            remotes: Remotes::default(),
            remote_members: 0,
            max_remote_members: MAX_REMOTE_MEMBERS,
            is_truncated: false,
            max_absences: MAX_ABSENCES,
            publishing: None,
            max_name_length,
            frames: 0,
            not_watched: 0,
        }
    }

    /// Takes what has happened to a socket.
    pub(super) fn apply(&mut self, happened: Move<W>, now: Instant) {
        match happened {
            Move::Entered {
                group,
                user,
                socket,
            } => self.entered(&group, &user, socket, now),
            Move::Left { group, user, cause } => self.left(&group, &user, cause, now),
            Move::Ended(socket) => self.ended(socket, now),
            Move::Said {
                socket,
                user,
                groups,
                info,
            } => self.said(socket, &user, &groups, info, now),
            Move::Renamed(socket) => _ = self.infos.remove(&socket),
            Move::Watching {
                socket,
                watcher,
                group,
                watch,
            } => self.watch(socket, watcher, group, watch, now),
            Move::Unwatching { socket, group } => self.unwatch(socket, &group, now),
            Move::Allowed {
                socket,
                groups,
                principal,
            } => {
                let may =
                    |group: &GroupId| groups.contains(group) || principal.may_watch(group.as_str());
                self.keep_allowed(socket, may, now);
            }
            Move::NotWatched(count) => self.not_watched += count,
        }
    }

    /// Takes what a node says of its sockets of a user.
    pub(super) fn set(
        &mut self,
        name: &GroupId,
        user: &UserId,
        holder: Holder,
        cause: PresenceCause,
        now: Instant,
    ) {
        let (has_hooks, is_own) = (self.has_hooks, holder.node == self.node);
        let waits = self.absences.len() < self.max_absences;
        if self.group(name).is_none() {
            return;
        }
        let member = self
            .groups
            .get(name)
            .and_then(|group| group.members.get(user));
        let is_known = member.is_some_and(|member| member.holder(holder.node).is_some());
        if !is_own && !self.has_room(is_known, holder.sockets > 0, now) {
            return self.forget_if_over(name);
        }
        let Some(group) = self.groups.get_mut(name) else {
            return;
        };
        let outcome = group.set(user, holder, cause, waits, now);
        match outcome {
            Outcome::Arrived if has_hooks => self.note_unheard(name, user),
            Outcome::Away => self.await_return(name, user),
            Outcome::Arrived | Outcome::Altered | Outcome::Same => {}
        }
        if is_own || self.carry_word(name, user) {
            self.note_own(name, user, cause, now);
        }
        self.note_due(name);
        self.forget_if_over(name);
    }

    /// Counts the kept members of other nodes. Returns `false` if they are more than any cluster has.
    fn has_room(&mut self, is_known: bool, is_there: bool, now: Instant) -> bool {
        match (is_known, is_there) {
            (false, true) if self.remote_members >= self.max_remote_members => {
                self.is_truncated = true;
                return false;
            }
            (false, true) => self.remote_members += 1,
            (true, false) => {
                self.remote_members -= 1;
                let is_low = self.remote_members < self.max_remote_members / 16 * 15;
                if self.is_truncated && is_low {
                    self.is_truncated = false;
                    self.remotes.start_again(now);
                }
            }
            _ => {}
        }
        true
    }

    pub(super) fn set_anonymous(&mut self, name: &GroupId, node: u64, sockets: u32, now: Instant) {
        let is_own = node == self.node;
        let group = self.group(name);
        let Some(is_known) = group.map(|group| group.anonymous.contains_key(&node)) else {
            return;
        };
        if is_own || self.has_room(is_known, sockets > 0, now) {
            if let Some(group) = self.groups.get_mut(name) {
                group.set_anonymous(node, sockets, now);
            }
        }
        if is_own {
            let user = UserId::default();
            self.note_own(name, &user, PresenceCause::Closed, now);
        }
        self.note_due(name);
        self.forget_if_over(name);
    }

    /// Does what is due, as much as one turn may.
    pub(super) fn tick(&mut self, now: Instant) -> Vec<Told> {
        for _ in 0..MEMBERS_PER_TURN {
            let first = self.absences.peek();
            if first.is_none_or(|Reverse((at, ..))| *at > now) {
                break;
            }
            if let Some(Reverse((_, name, user))) = self.absences.pop() {
                self.end_absence(name, user, now);
            }
        }
        self.remotes.tick(now);
        let mut told = Vec::new();
        for _ in 0..GROUPS_PER_TURN {
            if self.notices.first().is_none_or(|(at, _)| *at > now) {
                break;
            }
            if let Some((at, name)) = self.notices.pop_first() {
                let group = self.groups.get_mut(&name);
                if let Some(group) = group.filter(|group| group.due == Some(at)) {
                    group.tell(&name, now, &mut told);
                }
                self.forget_if_over(&name);
            }
        }
        told
    }

    /// Returns what the application is to be told, as much as one turn may.
    pub(super) fn take_changes(&mut self) -> Vec<PresenceChange> {
        let mut changes = Vec::new();
        let count = self.unheard.len().min(MEMBERS_PER_TURN);
        let unheard: Vec<_> = self.unheard.drain(..count).collect();
        for (name, user) in unheard {
            let Some(group) = self.groups.get_mut(&name) else {
                continue;
            };
            if let Some(member) = group.members.get_mut(&user) {
                member.mark(Mark::Unheard, false);
                let is_here = member.is_here();
                let was_heard = member.mark(Mark::Heard, is_here);
                let (group, user) = (name.clone(), user.clone());
                match (was_heard, is_here) {
                    (false, true) => changes.push(PresenceChange::Joined { group, user }),
                    (true, false) => changes.push(PresenceChange::Left {
                        group,
                        user,
                        cause: member.cause().unwrap_or(PresenceCause::Closed),
                    }),
                    _ => {}
                }
            }
            group.bury(&user);
            self.forget_if_over(&name);
        }
        changes
    }

    /// Returns when something is due.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        if !self.unheard.is_empty() {
            return Some(now);
        }
        let absence = self.absences.peek().map(|Reverse((at, ..))| *at);
        let notice = self.notices.first().map(|(at, _)| *at);
        let own = self.publishing.as_ref().and_then(|own| own.deadline(now));
        let due = [absence, notice, own, self.remotes.deadline(now)];
        due.into_iter().flatten().min()
    }

    pub(super) fn view(&self, name: &str, list_up_to: usize) -> Option<Presence> {
        self.rules.of(name)?;
        let group = self.groups.get(name);
        let mut view = group.map_or_else(Presence::default, |group| group.view(list_up_to));
        let is_synced = || self.remotes.is_synced(partition_of(Name::Group(name)));
        view.is_complete = self.publishing.is_none() || (is_synced() && !self.is_truncated);
        Some(view)
    }

    pub(super) fn figures(&self) -> Figures {
        Figures {
            groups: self.groups.len(),
            members: self.groups.values().map(Group::here).sum(),
            watchers: (self.groups.values())
                .map(|group| group.watchers.len())
                .sum(),
        }
    }

    fn end_absence(&mut self, name: GroupId, user: UserId, now: Instant) {
        let Some(group) = self.groups.get_mut(&name) else {
            return;
        };
        if let Some(later) = group.expire(&user, now) {
            self.absences.push(Reverse((later, name, user)));
            return;
        }
        let is_over = group
            .members
            .get(&user)
            .is_some_and(|member| !member.is_here());
        if self.has_hooks && is_over {
            self.note_unheard(&name, &user);
        }
        self.note_due(&name);
        if let Some(group) = self.groups.get_mut(&name) {
            group.bury(&user);
        }
        self.forget_if_over(&name);
    }

    fn await_return(&mut self, name: &GroupId, user: &UserId) {
        let Some(group) = self.groups.get_mut(name) else {
            return;
        };
        let Some(member) = group.members.get_mut(user) else {
            return;
        };
        if let Some(until) = member.away_until() {
            if !member.mark(Mark::Awaited, true) {
                let absence = (until, name.clone(), user.clone());
                self.absences.push(Reverse(absence));
            }
        }
    }

    fn note_unheard(&mut self, name: &GroupId, user: &UserId) {
        let group = self.groups.get_mut(name);
        if let Some(member) = group.and_then(|group| group.members.get_mut(user)) {
            if !member.mark(Mark::Unheard, true) {
                self.unheard.push_back((name.clone(), user.clone()));
            }
        }
    }

    /// Notes when the group's watchers are told something.
    pub(super) fn note_due(&mut self, name: &GroupId) {
        let due = self.groups.get(name).and_then(|group| group.due);
        if let Some(due) = due {
            // It stands for one moment only, until it has come.
            self.notices.insert((due, name.clone()));
        }
    }

    pub(super) fn forget_if_over(&mut self, name: &GroupId) {
        if self.groups.get(name).is_some_and(Group::is_over) {
            self.groups.remove(name);
        }
    }

    /// Returns a group that a rule names.
    pub(super) fn group(&mut self, name: &GroupId) -> Option<&mut Group<W>> {
        if !self.groups.contains_key(name) {
            let terms = self.rules.of(name.as_str())?;
            let partition = partition_of(Name::Group(name.as_str()));
            self.groups
                .insert(name.clone(), Group::new(terms, partition));
        }
        self.groups.get_mut(name)
    }
}

/// What one turn does under the table's lock, for which every socket that opens waits.
const MEMBERS_PER_TURN: usize = 1_024;
const GROUPS_PER_TURN: usize = 32;

/// Past this, members leave at once: bounds the memory that visitors under ever-new names can take.
const MAX_ABSENCES: usize = 1 << 19;

/// Bounds the memory that forged frames can take.
const MAX_REMOTE_MEMBERS: usize = 4 << 20;
