use std::collections::HashMap;

use indexmap::IndexSet;
use slab::Slab;

use crate::protocol::{
    ConnectionId, DefaultAudience, GroupId, Index, Marks, Recipient, Selection, UserId, resolve,
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
    users: HashMap<UserId, IndexSet<usize>>,
    groups: HashMap<GroupId, IndexSet<usize>>,
    marks: Marks,
    max_groups: usize,
}

#[derive(Debug)]
struct Entry<T> {
    id: ConnectionId,
    user: UserId,
    groups: Vec<GroupId>,
    stage: Stage,
    value: T,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Pending,
    Listed,
    Leaving,
}

impl<T> Registry<T> {
    /// `max_groups`: how many groups a socket may be in.
    pub(crate) fn new(max_groups: usize) -> Self {
        Self {
            entries: Slab::new(),
            by_id: HashMap::new(),
            pending: IndexSet::new(),
            listed: IndexSet::new(),
            loose: IndexSet::new(),
            ungrouped: IndexSet::new(),
            users: HashMap::new(),
            groups: HashMap::new(),
            marks: Marks::default(),
            max_groups,
        }
    }

    /// Adds a socket that receives nothing yet.
    pub(crate) fn insert(&mut self, id: ConnectionId, user: UserId, value: T) {
        let slot = self.entries.insert(Entry {
            id,
            user,
            groups: Vec::new(),
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
            self.users
                .entry(entry.user.clone())
                .or_default()
                .insert(slot);
        }
        if entry.groups.is_empty() {
            self.ungrouped.insert(slot);
        }
        for group in &entry.groups {
            self.groups.entry(group.clone()).or_default().insert(slot);
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

    /// Makes the socket a member of a group. Everybody is in the default group, whose name is
    /// empty, anyway.
    pub(crate) fn join(&mut self, id: ConnectionId, group: GroupId) -> Join {
        let Some(&slot) = self.by_id.get(&id) else {
            return Join::NotConnected;
        };
        let entry = &mut self.entries[slot];
        if entry.stage == Stage::Leaving {
            return Join::NotConnected;
        }
        if group.is_empty() || entry.groups.contains(&group) {
            return Join::Member;
        }
        if entry.groups.len() >= self.max_groups {
            return Join::TooManyGroups;
        }
        // The index's own key, where there is one: members share the name's allocation.
        let group = match self.groups.get_key_value(&group) {
            Some((known, _)) => known.clone(),
            None => group,
        };
        entry.groups.push(group.clone());
        if entry.stage == Stage::Listed {
            self.ungrouped.swap_remove(&slot);
            self.groups.entry(group).or_default().insert(slot);
        }
        Join::Member
    }

    /// Ends the membership; `false` if there was none.
    pub(crate) fn leave(&mut self, id: ConnectionId, group: &str) -> bool {
        let Some(&slot) = self.by_id.get(&id) else {
            return false;
        };
        let entry = &mut self.entries[slot];
        let Some(at) = entry.groups.iter().position(|own| own.as_str() == group) else {
            return false;
        };
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
        let mut marks = std::mem::take(&mut self.marks);
        resolve(recipients, default, self, &mut marks, |slot| {
            visit(&self.entries[slot].value);
        });
        self.marks = marks;
    }

    pub(crate) fn get(&self, id: ConnectionId) -> Option<&T> {
        self.by_id.get(&id).map(|&slot| &self.entries[slot].value)
    }

    /// The groups of a socket besides the default one; empty if it is not connected.
    pub(crate) fn groups_of(&self, id: ConnectionId) -> &[GroupId] {
        self.by_id
            .get(&id)
            .map_or(&[], |&slot| &self.entries[slot].groups)
    }

    /// The listed sockets of a user.
    pub(crate) fn sockets_of(&self, user: &str) -> impl Iterator<Item = (ConnectionId, &T)> {
        self.users
            .get(user)
            .into_iter()
            .flatten()
            .map(|&slot| (self.entries[slot].id, &self.entries[slot].value))
    }

    /// The listed sockets that follow no log.
    pub(crate) fn loose(&self) -> impl Iterator<Item = &T> {
        self.loose.iter().map(|&slot| &self.entries[slot].value)
    }

    /// All sockets of a user that can be closed: the listed ones, and those about to be.
    pub(crate) fn present(&self, user: &str) -> impl Iterator<Item = &T> {
        let pending = self
            .pending
            .iter()
            .filter(move |&&slot| self.entries[slot].user == *user);
        let listed = self.users.get(user).into_iter().flatten();
        listed.chain(pending).map(|&slot| &self.entries[slot].value)
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

/// What became of [`Registry::join`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Join {
    Member,
    TooManyGroups,
    NotConnected,
}

impl<T> Index for Registry<T> {
    fn for_each(&self, selection: &Selection<'_>, visit: &mut dyn FnMut(usize)) {
        let slots = match selection {
            Selection::All => Some(&self.listed),
            Selection::Ungrouped => Some(&self.ungrouped),
            Selection::Group(group) => self.groups.get(*group),
            Selection::User(user) => self.users.get(*user),
            Selection::Connection(id) => {
                if let Some(&slot) = self.by_id.get(id) {
                    if self.entries[slot].stage == Stage::Listed {
                        visit(slot);
                    }
                }
                None
            }
        };
        slots.into_iter().flatten().copied().for_each(visit);
    }
}

fn withdraw<K>(index: &mut HashMap<K, IndexSet<usize>>, key: &K, slot: usize)
where
    K: std::hash::Hash + Eq,
{
    if let Some(slots) = index.get_mut(key) {
        slots.swap_remove(&slot);
        if slots.is_empty() {
            index.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(serial: u64) -> ConnectionId {
        ConnectionId::new(7, serial)
    }

    fn registry() -> Registry<u64> {
        let mut registry = Registry::new(3);
        for (serial, user, groups) in [
            (1, "ann", &["a", "b"] as &[&str]),
            (2, "ann", &["b"]),
            (3, "bob", &[]),
            (4, "", &["a"]),
        ] {
            registry.insert(id(serial), user.into(), serial);
            for &group in groups {
                assert_eq!(registry.join(id(serial), group.into()), Join::Member);
            }
            registry.list(id(serial));
        }
        registry
    }

    fn audience(registry: &mut Registry<u64>, recipients: &[Recipient]) -> Vec<u64> {
        let mut audience = Vec::new();
        registry.resolve(recipients, DefaultAudience::Everyone, |&value| {
            audience.push(value);
        });
        audience.sort_unstable();
        audience
    }

    #[test]
    fn an_unlisted_socket_keeps_its_groups_and_receives_nothing() {
        let mut registry = registry();
        registry.insert(id(5), "eve".into(), 5);
        registry.join(id(5), "a".into());
        assert_eq!(audience(&mut registry, &[Recipient::group("a")]), [1, 4]);
        assert!(audience(&mut registry, &[Recipient::connection(id(5))]).is_empty());
        registry.list(id(5));
        assert_eq!(audience(&mut registry, &[Recipient::group("a")]), [1, 4, 5]);
        assert_eq!(audience(&mut registry, &[Recipient::user("eve")]), [5]);
    }

    #[test]
    fn a_user_can_be_closed_before_its_socket_is_listed() {
        let mut registry = registry();
        registry.insert(id(5), "ann".into(), 5);
        let mut present: Vec<_> = registry.present("ann").copied().collect();
        present.sort_unstable();
        assert_eq!(present, [1, 2, 5]);
        registry.unlist(id(5));
        registry.unlist(id(1));
        assert!(registry.present("ann").eq([&2]));
        assert!(registry.pending.is_empty());
    }

    #[test]
    fn a_removed_socket_leaves_no_trace() {
        let mut registry = registry();
        for serial in 1..=4 {
            assert!(registry.remove(id(serial)));
            assert!(!registry.remove(id(serial)));
        }
        assert_eq!(registry.len(), 0);
        assert_eq!(registry.users().len() + registry.groups().len(), 0);
        assert!(registry.ungrouped.is_empty() && registry.entries.is_empty());
        assert_eq!(registry.join(id(1), "a".into()), Join::NotConnected);
    }

    #[test]
    fn a_leaving_socket_is_neither_selected_nor_revived() {
        let mut registry = registry();
        registry.unlist(id(1));
        registry.list(id(1));
        assert_eq!(registry.join(id(1), "c".into()), Join::NotConnected);
        assert_eq!(audience(&mut registry, &[]), [2, 3, 4]);
        assert!(audience(&mut registry, &[Recipient::connection(id(1))]).is_empty());
        assert_eq!(registry.groups_of(id(1)).len(), 2);
        assert_eq!(registry.everyone().len(), 4);
    }

    #[test]
    fn groups_of_a_socket_are_bounded_and_the_default_group_is_free() {
        let mut registry = registry();
        assert_eq!(registry.join(id(1), "c".into()), Join::Member);
        assert_eq!(registry.join(id(1), "d".into()), Join::TooManyGroups);
        assert_eq!(registry.join(id(1), "a".into()), Join::Member);
        assert_eq!(registry.join(id(1), "".into()), Join::Member);
        assert!(registry.leave(id(1), "c"));
        assert!(!registry.leave(id(1), "c"));
        assert_eq!(registry.join(id(1), "d".into()), Join::Member);
    }

    #[test]
    fn the_narrow_default_audience_is_who_has_no_group() {
        let mut registry = registry();
        let mut seen = Vec::new();
        registry.resolve(&[], DefaultAudience::Ungrouped, |&value| seen.push(value));
        assert_eq!(seen, [3]);
        registry.leave(id(4), "a");
        registry.join(id(3), "b".into());
        seen.clear();
        registry.resolve(&[], DefaultAudience::Ungrouped, |&value| seen.push(value));
        assert_eq!(seen, [4]);
    }
}
