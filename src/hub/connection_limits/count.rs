//! Counts of sockets: of all, of each user, of each client.

use std::{collections::HashMap, hash::Hash};

use super::client::Client;
use crate::hub::identity::User;

/// Users and clients are in the maps only while they have sockets.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) sockets: Count,
    pub(super) users: HashMap<User, Count>,
    pub(super) clients: HashMap<Client, Count>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) open: usize,
    pub(super) finishing: usize,
}

pub(super) fn or_none(count: Option<&Count>) -> Count {
    count.copied().unwrap_or_default()
}

pub(super) fn change_named<K: Hash + Eq>(
    counts: &mut HashMap<K, Count>,
    key: &K,
    change: impl Fn(&mut Count),
) {
    if let Some(count) = counts.get_mut(key) {
        change(count);
        if *count == Count::default() {
            counts.remove(key);
        }
    }
}
