//! The index of sockets, users and groups: plain state that one lock guards.

use std::{collections::HashMap, mem};

use indexmap::IndexSet;
use slab::Slab;

use super::{
    journal::Journal,
    name_limits::NameLimits,
    partitions::Partitions,
    slots::{Slots, enrol, withdraw},
};
use crate::protocol::{
    ConnectionId, DedupSet, DefaultAudience, GroupId, Index, Recipient, Selection, StreamRef,
    UserId, resolve,
};

/// The sockets that are connected: indexes socket ↔ user ↔ group, synchronous and without a lock of
/// their own.
///
/// A socket is inserted before it is activated: until then it has an id and groups, but no broadcast
/// selects it.
#[derive(Debug)]
pub(in crate::hub) struct Registry<T> {
    pub(super) entries: Slab<Entry<T>>,
    pub(super) by_id: HashMap<ConnectionId, usize>,
    /// Sockets that are about to be activated: few, and for a moment.
    pub(super) pending: IndexSet<usize>,
    pub(super) active: IndexSet<usize>,
    pub(super) ungrouped: IndexSet<usize>,
    pub(super) users: HashMap<UserId, Slots>,
    pub(super) groups: HashMap<GroupId, Slots>,
    /// Only in a cluster.
    pub(super) partitions: Option<Box<Partitions>>,
    /// Only with a rule of presence.
    pub(super) journal: Option<Box<Journal>>,
    seen: DedupSet,
    pub(super) name_limits: NameLimits,
}

#[derive(Debug)]
pub(super) struct Entry<T> {
    id: ConnectionId,
    pub(super) user: UserId,
    /// Those that came with the identity, then those joined since.
    pub(super) groups: Vec<GroupId>,
    /// How many came with the identity.
    pub(super) named: u32,
    pub(super) stage: Stage,
    value: T,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The upgrade is under way: no broadcast selects the socket.
    Pending,
    /// Broadcasts select the socket.
    Active,
    /// The socket closes or has closed: no broadcast selects it, and nothing brings it back.
    Removed,
}

impl<T> Entry<T> {
    fn is_in(&self, selection: &Selection<'_>) -> bool {
        match *selection {
            Selection::All => true,
            Selection::Ungrouped => self.groups.is_empty(),
            Selection::Group(group) => self.groups.iter().any(|own| own.as_str() == group),
            // An empty name is not a user's.
            Selection::User(user) => !user.is_empty() && self.user.as_str() == user,
            Selection::Connection(id) => self.id == id,
        }
    }
}

impl<T> Registry<T> {
    pub(in crate::hub) fn new(name_limits: NameLimits) -> Self {
        Self {
            entries: Slab::new(),
            by_id: HashMap::new(),
            pending: IndexSet::new(),
            active: IndexSet::new(),
            ungrouped: IndexSet::new(),
            users: HashMap::new(),
            groups: HashMap::new(),
            partitions: None,
            journal: None,
            seen: DedupSet::default(),
            name_limits,
        }
    }

    /// Adds a socket that receives nothing yet and has no user.
    pub(in crate::hub) fn insert(&mut self, id: ConnectionId, value: T) {
        let slot = self.entries.insert(Entry {
            id,
            user: UserId::default(),
            groups: Vec::new(),
            named: 0,
            stage: Stage::Pending,
            value,
        });
        self.by_id.insert(id, slot);
        self.pending.insert(slot);
    }

    /// Has broadcasts select the socket from now on, and returns it. Returns `None` unless the socket
    /// was pending.
    pub(in crate::hub) fn activate(&mut self, id: ConnectionId) -> Option<&T> {
        let &slot = self.by_id.get(&id)?;
        let entry = &mut self.entries[slot];
        if entry.stage != Stage::Pending {
            return None;
        }
        entry.stage = Stage::Active;
        self.pending.swap_remove(&slot);
        self.active.insert(slot);
        if !entry.user.is_empty() {
            enrol(&mut self.users, &mut self.partitions, &entry.user, slot);
        }
        if entry.groups.is_empty() {
            self.ungrouped.insert(slot);
        }
        for group in &entry.groups {
            enrol(&mut self.groups, &mut self.partitions, group, slot);
        }
        Journal::note(&mut self.journal, id, &entry.user, &entry.groups, true);
        Some(&entry.value)
    }

    /// Has no broadcast select the socket any more, for good. Its groups stay readable until it is
    /// removed.
    pub(in crate::hub) fn deactivate(&mut self, id: ConnectionId) {
        let Some(&slot) = self.by_id.get(&id) else {
            return;
        };
        let entry = &mut self.entries[slot];
        if entry.stage == Stage::Active {
            self.active.swap_remove(&slot);
            self.ungrouped.swap_remove(&slot);
            withdraw(&mut self.users, &mut self.partitions, &entry.user, slot);
            for group in &entry.groups {
                withdraw(&mut self.groups, &mut self.partitions, group, slot);
            }
            Journal::note(&mut self.journal, id, &entry.user, &entry.groups, false);
        }
        entry.stage = Stage::Removed;
        self.pending.swap_remove(&slot);
    }

    /// Removes the socket. Returns `false` if it was gone already.
    pub(in crate::hub) fn remove(&mut self, id: ConnectionId) -> bool {
        self.deactivate(id);
        match self.by_id.remove(&id) {
            Some(slot) => {
                self.entries.remove(slot);
                true
            }
            None => false,
        }
    }

    /// Visits the sockets that the recipients select, each once.
    pub(in crate::hub) fn resolve(
        &mut self,
        recipients: &[Recipient],
        default: DefaultAudience,
        mut visit: impl FnMut(&T),
    ) {
        let mut seen = mem::take(&mut self.seen);
        resolve(recipients, default, self, &mut seen, |slot| {
            visit(&self.entries[slot].value);
        });
        self.seen = seen;
    }

    pub(in crate::hub) fn get(&self, id: ConnectionId) -> Option<&T> {
        self.by_id.get(&id).map(|&slot| &self.entries[slot].value)
    }

    /// Whether the socket was deactivated, or is gone.
    pub(in crate::hub) fn is_removed(&self, id: ConnectionId) -> bool {
        let slot = self.by_id.get(&id);
        slot.is_none_or(|&slot| self.entries[slot].stage == Stage::Removed)
    }

    /// Returns a socket's groups besides the default one; none if it is not connected.
    pub(in crate::hub) fn groups_of(&self, id: ConnectionId) -> &[GroupId] {
        self.by_id
            .get(&id)
            .map_or(&[], |&slot| &self.entries[slot].groups)
    }

    /// Returns the active sockets of a user.
    pub(in crate::hub) fn sockets_of(
        &self,
        user: &str,
    ) -> impl Iterator<Item = (ConnectionId, &T)> {
        let slots = self.users.get(user).into_iter().flat_map(Slots::iter);
        slots.map(|slot| (self.entries[slot].id, &self.entries[slot].value))
    }

    /// Whether a user or group has an active socket.
    pub(in crate::hub) fn has(&self, stream: StreamRef<'_>) -> bool {
        match stream {
            StreamRef::Group(group) => self.groups.contains_key(group),
            StreamRef::User(user) => self.users.contains_key(user),
            StreamRef::All => true,
        }
    }

    /// Returns the active sockets of a stream.
    pub(in crate::hub) fn members_of(&self, stream: StreamRef<'_>) -> impl Iterator<Item = &T> {
        let (some, all) = match stream {
            StreamRef::Group(group) => (self.groups.get(group), None),
            StreamRef::User(user) => (self.users.get(user), None),
            StreamRef::All => (None, Some(self.active.iter().copied())),
        };
        let some = some.into_iter().flat_map(Slots::iter);
        let slots = some.chain(all.into_iter().flatten());
        slots.map(|slot| &self.entries[slot].value)
    }

    /// Returns the sockets of a selection that can be closed: active or about to be.
    pub(in crate::hub) fn present(&self, selection: &Selection<'_>) -> Vec<&T> {
        let mut slots = Vec::new();
        self.for_each(selection, &mut |slot| slots.push(slot));
        let pending = self.pending.iter().copied();
        slots.extend(pending.filter(|&slot| self.entries[slot].is_in(selection)));
        let values = slots.into_iter().map(|slot| &self.entries[slot].value);
        values.collect()
    }

    /// Returns all active sockets.
    pub(in crate::hub) fn sockets(&self) -> impl Iterator<Item = (ConnectionId, &T)> {
        self.active
            .iter()
            .map(|&slot| (self.entries[slot].id, &self.entries[slot].value))
    }

    /// Returns the users that have an active socket, each with the number of them.
    pub(in crate::hub) fn users(&self) -> impl ExactSizeIterator<Item = (&UserId, usize)> {
        self.users.iter().map(|(user, slots)| (user, slots.len()))
    }

    /// Returns the groups that have an active member, each with the number of them.
    pub(in crate::hub) fn groups(&self) -> impl ExactSizeIterator<Item = (&GroupId, usize)> {
        self.groups
            .iter()
            .map(|(group, slots)| (group, slots.len()))
    }

    /// Returns how many sockets are active.
    pub(in crate::hub) fn len(&self) -> usize {
        self.active.len()
    }

    /// Returns all sockets, including those that are not active yet or no longer.
    pub(in crate::hub) fn all(&self) -> impl ExactSizeIterator<Item = (ConnectionId, &T)> {
        self.entries
            .iter()
            .map(|(_, entry)| (entry.id, &entry.value))
    }
}

impl<T> Index for Registry<T> {
    fn for_each(&self, selection: &Selection<'_>, visit: &mut dyn FnMut(usize)) {
        match selection {
            Selection::All => self.active.iter().copied().for_each(visit),
            Selection::Ungrouped => self.ungrouped.iter().copied().for_each(visit),
            Selection::Group(group) => {
                let slots = self.groups.get(*group);
                slots.into_iter().flat_map(Slots::iter).for_each(visit);
            }
            Selection::User(user) => {
                let slots = self.users.get(*user);
                slots.into_iter().flat_map(Slots::iter).for_each(visit);
            }
            Selection::Connection(id) => {
                if let Some(&slot) = self.by_id.get(id) {
                    if self.entries[slot].stage == Stage::Active {
                        visit(slot);
                    }
                }
            }
        }
    }
}
