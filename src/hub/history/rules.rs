//! The rules that say which streams are kept, and how much of each.

use std::{cmp::Reverse, collections::HashMap};

use crate::{
    config::{AppliesTo, HistoryRule, Retention},
    protocol::StreamRef,
};

/// The rules of a configuration, by the streams that they are for.
#[derive(Debug, Default)]
pub(super) struct Rules {
    groups: HashMap<Box<str>, Retention>,
    /// The longest first.
    prefixes: Vec<(Box<str>, Retention)>,
    named_users: HashMap<Box<str>, Retention>,
    users: Option<Retention>,
    all_sockets: Option<Retention>,
}

impl Rules {
    pub(super) fn new(rules: &[HistoryRule]) -> Self {
        let mut all = Self::default();
        for HistoryRule { applies_to, keep } in rules.iter().cloned() {
            match applies_to {
                AppliesTo::Group(name) => _ = all.groups.insert(name, keep),
                AppliesTo::GroupsFrom(prefix) => all.prefixes.push((prefix, keep)),
                AppliesTo::User(name) => _ = all.named_users.insert(name, keep),
                AppliesTo::Users => all.users = Some(keep),
                AppliesTo::All => all.all_sockets = Some(keep),
            }
        }
        all.prefixes
            .sort_by_key(|(prefix, _)| Reverse(prefix.len()));
        all
    }

    /// Returns how much of a stream is kept, if anything.
    pub(super) fn find(&self, stream: StreamRef<'_>) -> Option<Retention> {
        match stream {
            // The names by which clients are told of the other streams.
            StreamRef::Group("__user" | "__all") => None,
            StreamRef::Group(group) => self.groups.get(group).copied().or_else(|| {
                let mut prefixes = self.prefixes.iter();
                let longest = prefixes.find(|(prefix, _)| group.starts_with(&**prefix));
                longest.map(|(_, keep)| *keep)
            }),
            // No user's name is empty.
            StreamRef::User("") => None,
            StreamRef::User(user) => self.named_users.get(user).copied().or(self.users),
            StreamRef::All => self.all_sockets,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(rules: &Rules, stream: StreamRef<'_>) -> Option<usize> {
        rules.find(stream).map(|keep| keep.messages)
    }

    #[test]
    fn the_exact_name_goes_before_the_longest_prefix() {
        let rules = Rules::new(&[
            HistoryRule::group("room:*").messages(1),
            HistoryRule::group("room:vip:*").messages(2),
            HistoryRule::group("room:vip:7").messages(3),
            HistoryRule::user("ann").messages(4),
        ]);
        for (stream, expected) in [
            (StreamRef::Group("room:"), Some(1)),
            (StreamRef::Group("room:7"), Some(1)),
            (StreamRef::Group("room:vip:8"), Some(2)),
            (StreamRef::Group("room:vip:7"), Some(3)),
            (StreamRef::Group("room"), None),
            (StreamRef::User("ann"), Some(4)),
            (StreamRef::User("bob"), None),
            (StreamRef::User("room:7"), None),
            (StreamRef::All, None),
        ] {
            assert_eq!(kept(&rules, stream), expected, "{stream:?}");
        }
    }

    #[test]
    fn users_and_all_sockets_have_rules_of_their_own() {
        let rules = Rules::new(&[
            HistoryRule::users().messages(1),
            HistoryRule::all().messages(2),
            HistoryRule::user("ann").messages(3),
        ]);
        assert_eq!(kept(&rules, StreamRef::User("bob")), Some(1));
        assert_eq!(kept(&rules, StreamRef::User("ann")), Some(3));
        assert_eq!(kept(&rules, StreamRef::User("")), None);
        assert_eq!(kept(&rules, StreamRef::All), Some(2));
        assert_eq!(kept(&rules, StreamRef::Group("a")), None);
        let all_groups = Rules::new(&[HistoryRule::group("*").messages(4)]);
        assert_eq!(kept(&all_groups, StreamRef::Group("a")), Some(4));
        assert_eq!(kept(&all_groups, StreamRef::All), None);
        assert_eq!(kept(&all_groups, StreamRef::Group("__user")), None);
    }
}
