mod slots;

use std::{collections::HashMap, hash::Hash, mem};

use indexmap::IndexSet;
use slab::Slab;

use self::slots::Slots;
use super::{
    bounds::{Bounds, Excess},
    error::{SocketError, SocketErrorKind},
};
use crate::protocol::{
    ConnectionId, DedupSet, DefaultAudience, GroupId, Index, Recipient, Selection, UserId, resolve,
};

/// Who is connected: plain indexes socket ↔ user ↔ group, synchronous and without a lock of its
/// own.
///
/// A socket is inserted before it is listed: until then it has an id and groups, but nobody's
/// broadcast selects it.
#[derive(Debug)]
pub(crate) struct Registry<T> {
    entries: Slab<Entry<T>>,
    by_id: HashMap<ConnectionId, usize>,
    /// Sockets that are about to be listed: few, and for a moment.
    pending: IndexSet<usize>,
    listed: IndexSet<usize>,
    /// Those listed that follow no log.
    loose: IndexSet<usize>,
    ungrouped: IndexSet<usize>,
    users: HashMap<UserId, Slots>,
    groups: HashMap<GroupId, Slots>,
    seen: DedupSet,
    bounds: Bounds,
}

#[derive(Debug)]
struct Entry<T> {
    id: ConnectionId,
    user: UserId,
    /// Those that came with the identity, then those joined since.
    groups: Vec<GroupId>,
    /// How many came with the identity.
    named: u32,
    stage: Stage,
    value: T,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Pending,
    Listed,
    Leaving,
}

impl<T> Entry<T> {
    fn is_in(&self, selection: &Selection<'_>) -> bool {
        match *selection {
            Selection::All => true,
            Selection::Ungrouped => self.groups.is_empty(),
            Selection::Group(group) => self.groups.iter().any(|own| own.as_str() == group),
            // A user without a name is no user.
            Selection::User(user) => !user.is_empty() && self.user.as_str() == user,
            Selection::Connection(id) => self.id == id,
        }
    }
}

impl<T> Registry<T> {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            entries: Slab::new(),
            by_id: HashMap::new(),
            pending: IndexSet::new(),
            listed: IndexSet::new(),
            loose: IndexSet::new(),
            ungrouped: IndexSet::new(),
            users: HashMap::new(),
            groups: HashMap::new(),
            seen: DedupSet::default(),
            bounds,
        }
    }

    /// Adds a socket that receives nothing yet, and is nobody's.
    pub(crate) fn insert(&mut self, id: ConnectionId, value: T) {
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

    /// Lets broadcasts select the socket, from now on.
    pub(crate) fn list(&mut self, id: ConnectionId) {
        let Some(&slot) = self.by_id.get(&id) else {
            return;
        };
        let entry = &mut self.entries[slot];
        if entry.stage != Stage::Pending {
            return;
        }
        entry.stage = Stage::Listed;
        self.pending.swap_remove(&slot);
        self.listed.insert(slot);
        self.loose.insert(slot);
        if !entry.user.is_empty() {
            enrol(&mut self.users, &entry.user, slot);
        }
        if entry.groups.is_empty() {
            self.ungrouped.insert(slot);
        }
        for group in &entry.groups {
            enrol(&mut self.groups, group, slot);
        }
    }

    /// Notes that a listed socket follows a log from now on; `false` if it is not listed.
    pub(crate) fn settle(&mut self, id: ConnectionId) -> bool {
        let slot = self.by_id.get(&id);
        slot.is_some_and(|slot| self.loose.swap_remove(slot))
    }

    /// Ends what broadcasts can select, for good; groups stay readable until the removal.
    pub(crate) fn unlist(&mut self, id: ConnectionId) {
        let Some(&slot) = self.by_id.get(&id) else {
            return;
        };
        let entry = &mut self.entries[slot];
        if entry.stage == Stage::Listed {
            self.listed.swap_remove(&slot);
            self.loose.swap_remove(&slot);
            self.ungrouped.swap_remove(&slot);
            withdraw(&mut self.users, &entry.user, slot);
            for group in &entry.groups {
                withdraw(&mut self.groups, group, slot);
            }
        }
        entry.stage = Stage::Leaving;
        self.pending.swap_remove(&slot);
    }

    /// Removes the socket; `false` if it was gone already.
    pub(crate) fn remove(&mut self, id: ConnectionId) -> bool {
        self.unlist(id);
        match self.by_id.remove(&id) {
            Some(slot) => {
                self.entries.remove(slot);
                true
            }
            None => false,
        }
    }

    /// Says whose socket it is and which groups come with that. They take the place of those that
    /// came with whose it was before; groups that it joined otherwise stay.
    pub(crate) fn identify(
        &mut self,
        id: ConnectionId,
        user: UserId,
        named: impl IntoIterator<Item = GroupId>,
    ) -> Join {
        let Some(&slot) = self.by_id.get(&id) else {
            return Join::NotConnected;
        };
        let entry = &mut self.entries[slot];
        if entry.stage == Stage::Leaving {
            return Join::NotConnected;
        }
        let joined = &entry.groups[entry.named as usize..];
        let (mut groups, named) = match self.bounds.unite(&user, named, joined) {
            Ok(united) => united,
            Err(excess) => return excess.into(),
        };
        for group in &mut groups[..named] {
            known(&self.groups, group);
        }
        entry.named = u32::try_from(named).unwrap_or(u32::MAX);

        let groups_before = mem::replace(&mut entry.groups, groups);
        let user_before = mem::replace(&mut entry.user, user);
        if entry.stage != Stage::Listed {
            return Join::Member;
        }
        for group in &entry.groups {
            if !groups_before.contains(group) {
                enrol(&mut self.groups, group, slot);
            }
        }
        for group in &groups_before {
            if !entry.groups.contains(group) {
                withdraw(&mut self.groups, group, slot);
            }
        }
        if entry.groups.is_empty() {
            self.ungrouped.insert(slot);
        } else {
            self.ungrouped.swap_remove(&slot);
        }
        if entry.user != user_before {
            withdraw(&mut self.users, &user_before, slot);
            if !entry.user.is_empty() {
                enrol(&mut self.users, &entry.user, slot);
            }
        }
        Join::Member
    }

    /// Makes the socket a member of a group, which from now on stays when its identity changes.
    /// Everybody is in the default group, whose name is empty, anyway.
    pub(crate) fn join(&mut self, id: ConnectionId, mut group: GroupId) -> Join {
        let Some(&slot) = self.by_id.get(&id) else {
            return Join::NotConnected;
        };
        let entry = &mut self.entries[slot];
        if entry.stage == Stage::Leaving {
            return Join::NotConnected;
        }
        if group.is_empty() {
            return Join::Member;
        }
        let named = entry.named as usize;
        match entry.groups.iter().position(|own| *own == group) {
            Some(at) if at < named => {
                entry.groups.swap(at, named - 1);
                entry.named -= 1;
                return Join::Member;
            }
            Some(_) => return Join::Member,
            None => {}
        }
        if let Err(excess) = self.bounds.check_join(&entry.user, &entry.groups, &group) {
            return excess.into();
        }
        known(&self.groups, &mut group);
        if entry.stage == Stage::Listed {
            self.ungrouped.swap_remove(&slot);
            enrol(&mut self.groups, &group, slot);
        }
        entry.groups.push(group);
        Join::Member
    }

    /// Ends the membership; `false` if there was none.
    pub(crate) fn leave(&mut self, id: ConnectionId, group: &str) -> bool {
        let Some(&slot) = self.by_id.get(&id) else {
            return false;
        };
        let entry = &mut self.entries[slot];
        let Some(mut at) = entry.groups.iter().position(|own| own.as_str() == group) else {
            return false;
        };
        if at < entry.named as usize {
            entry.named -= 1;
            entry.groups.swap(at, entry.named as usize);
            at = entry.named as usize;
        }
        let group = entry.groups.swap_remove(at);
        if entry.stage == Stage::Listed {
            if entry.groups.is_empty() {
                self.ungrouped.insert(slot);
            }
            withdraw(&mut self.groups, &group, slot);
        }
        true
    }

    /// Visits the sockets that the recipients select, each once.
    pub(crate) fn resolve(
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

    pub(crate) fn get(&self, id: ConnectionId) -> Option<&T> {
        self.by_id.get(&id).map(|&slot| &self.entries[slot].value)
    }

    /// Whether the socket was unlisted, or is gone.
    pub(crate) fn is_leaving(&self, id: ConnectionId) -> bool {
        let slot = self.by_id.get(&id);
        slot.is_none_or(|&slot| self.entries[slot].stage == Stage::Leaving)
    }

    /// The groups of a socket besides the default one; empty if it is not connected.
    pub(crate) fn groups_of(&self, id: ConnectionId) -> &[GroupId] {
        self.by_id
            .get(&id)
            .map_or(&[], |&slot| &self.entries[slot].groups)
    }

    /// The listed sockets of a user.
    pub(crate) fn sockets_of(&self, user: &str) -> impl Iterator<Item = (ConnectionId, &T)> {
        let slots = self.users.get(user).into_iter().flat_map(Slots::iter);
        slots.map(|slot| (self.entries[slot].id, &self.entries[slot].value))
    }

    /// The listed sockets that follow no log.
    pub(crate) fn loose(&self) -> impl Iterator<Item = &T> {
        self.loose.iter().map(|&slot| &self.entries[slot].value)
    }

    /// All sockets of a selection that can be closed: the listed ones, and those about to be.
    pub(crate) fn present(&self, selection: &Selection<'_>) -> Vec<&T> {
        let mut slots = Vec::new();
        self.for_each(selection, &mut |slot| slots.push(slot));
        let pending = self.pending.iter().copied();
        slots.extend(pending.filter(|&slot| self.entries[slot].is_in(selection)));
        let values = slots.into_iter().map(|slot| &self.entries[slot].value);
        values.collect()
    }

    /// All listed sockets.
    pub(crate) fn sockets(&self) -> impl Iterator<Item = (ConnectionId, &T)> {
        self.listed
            .iter()
            .map(|&slot| (self.entries[slot].id, &self.entries[slot].value))
    }

    /// The users that have a listed socket, with the number of them.
    pub(crate) fn users(&self) -> impl ExactSizeIterator<Item = (&UserId, usize)> {
        self.users.iter().map(|(user, slots)| (user, slots.len()))
    }

    /// The groups that have a listed member, with the number of them.
    pub(crate) fn groups(&self) -> impl ExactSizeIterator<Item = (&GroupId, usize)> {
        self.groups
            .iter()
            .map(|(group, slots)| (group, slots.len()))
    }

    /// How many sockets are listed.
    pub(crate) fn len(&self) -> usize {
        self.listed.len()
    }

    /// All sockets, those not listed yet or no longer included.
    pub(crate) fn everyone(&self) -> impl ExactSizeIterator<Item = (ConnectionId, &T)> {
        self.entries
            .iter()
            .map(|(_, entry)| (entry.id, &entry.value))
    }
}

/// What became of [`Registry::join`] or [`Registry::identify`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Join {
    Member,
    TooManyGroups,
    /// So many bytes.
    NameTooLong(usize),
    NotConnected,
}

impl Join {
    pub(super) fn into_result(self) -> Result<(), SocketError> {
        match self {
            Self::Member => Ok(()),
            Self::TooManyGroups => Err(SocketError::new(SocketErrorKind::TooManyGroups)),
            Self::NameTooLong(_) => Err(SocketError::new(SocketErrorKind::NameTooLong)),
            Self::NotConnected => Err(SocketError::new(SocketErrorKind::NotConnected)),
        }
    }
}

impl From<Excess> for Join {
    fn from(excess: Excess) -> Self {
        match excess {
            Excess::TooManyGroups => Self::TooManyGroups,
            Excess::NameTooLong(bytes) => Self::NameTooLong(bytes),
        }
    }
}

impl<T> Index for Registry<T> {
    fn for_each(&self, selection: &Selection<'_>, visit: &mut dyn FnMut(usize)) {
        match selection {
            Selection::All => self.listed.iter().copied().for_each(visit),
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
                    if self.entries[slot].stage == Stage::Listed {
                        visit(slot);
                    }
                }
            }
        }
    }
}

/// Takes the index's own key, where there is one: members share the name's allocation.
fn known(groups: &HashMap<GroupId, Slots>, group: &mut GroupId) {
    if let Some((known, _)) = groups.get_key_value(group) {
        *group = known.clone();
    }
}

fn enrol<K: Clone + Hash + Eq>(index: &mut HashMap<K, Slots>, key: &K, slot: usize) {
    match index.get_mut(key) {
        Some(slots) => slots.insert(slot),
        None => {
            index.insert(key.clone(), Slots::One(slot));
        }
    }
}

fn withdraw<K: Hash + Eq>(index: &mut HashMap<K, Slots>, key: &K, slot: usize) {
    if index.get_mut(key).is_some_and(|slots| slots.remove(slot)) {
        index.remove(key);
    }
}

#[cfg(test)]
mod tests;
