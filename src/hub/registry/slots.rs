//! The sockets of one user or group, in an index.

use std::{collections::HashMap, hash::Hash};

use indexmap::IndexSet;

use super::partitions::Partitions;
use crate::{
    hub::cluster::Name,
    protocol::{GroupId, UserId},
};

/// The sockets of one user or group.
///
/// Most users have one socket, and what an index of its own takes would be a tenth of it.
#[derive(Debug)]
pub(super) enum Slots {
    One(usize),
    Many(Box<IndexSet<usize>>),
}

impl Slots {
    pub(super) fn insert(&mut self, slot: usize) {
        match self {
            Self::One(one) if *one == slot => {}
            Self::One(one) => *self = Self::Many(Box::new(IndexSet::from([*one, slot]))),
            Self::Many(slots) => {
                slots.insert(slot);
            }
        }
    }

    /// Takes one out. Returns whether none is left.
    pub(super) fn remove(&mut self, slot: usize) -> bool {
        match self {
            Self::One(one) => return *one == slot,
            Self::Many(slots) => {
                slots.swap_remove(&slot);
                if let (1, Some(&last)) = (slots.len(), slots.first()) {
                    *self = Self::One(last);
                }
            }
        }
        false
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(slots) => slots.len(),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        let (one, many) = match self {
            Self::One(one) => (Some(*one), None),
            Self::Many(slots) => (None, Some(slots.iter().copied())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}

/// The key of an index.
pub(super) trait Key: Clone + Hash + Eq {
    fn name(&self) -> Name<'_>;
}

impl Key for GroupId {
    fn name(&self) -> Name<'_> {
        Name::Group(self.as_str())
    }
}

impl Key for UserId {
    fn name(&self) -> Name<'_> {
        Name::User(self.as_str())
    }
}

/// Adds a socket to those of a user or group.
pub(super) fn enrol<K: Key>(
    index: &mut HashMap<K, Slots>,
    partitions: &mut Option<Box<Partitions>>,
    key: &K,
    slot: usize,
) {
    if let Some(slots) = index.get_mut(key) {
        slots.insert(slot);
        return;
    }
    index.insert(key.clone(), Slots::One(slot));
    if let Some(partitions) = partitions {
        partitions.appeared(key.name());
    }
}

/// Takes a socket out of those of a user or group.
pub(super) fn withdraw<K: Key>(
    index: &mut HashMap<K, Slots>,
    partitions: &mut Option<Box<Partitions>>,
    key: &K,
    slot: usize,
) {
    let slots = index.get_mut(key);
    if slots.is_some_and(|slots| slots.remove(slot)) && index.remove(key).is_some() {
        if let Some(partitions) = partitions {
            partitions.vanished(key.name());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(slots: &Slots) -> Vec<usize> {
        let mut all: Vec<_> = slots.iter().collect();
        all.sort_unstable();
        assert_eq!(all.len(), slots.len());
        all
    }

    #[test]
    fn it_grows_beyond_one_and_comes_back_to_it() {
        let mut slots = Slots::One(7);
        slots.insert(7);
        assert_eq!(sorted(&slots), [7]);
        slots.insert(3);
        slots.insert(9);
        slots.insert(3);
        assert_eq!(sorted(&slots), [3, 7, 9]);
        assert!(!slots.remove(3));
        assert!(!slots.remove(7));
        assert!(matches!(slots, Slots::One(9)));
        assert!(!slots.remove(3), "it was not there");
        assert!(slots.remove(9));
    }
}
