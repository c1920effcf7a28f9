//! The types [`PresenceRule`] and [`PresenceRules`]: the groups whose members are tracked.

use std::{collections::HashMap, time::Duration};

/// Tracks the members of a group, or of all groups with a common prefix.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use web_connection_socket::{Config, config::PresenceRule};
///
/// let config = Config::new()
///     .presence(PresenceRule::group("lobby"))
///     .presence(PresenceRule::group("room:*").leave_after(Duration::from_secs(3)).list_up_to(50));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct PresenceRule {
    pattern: String,
    leave_after: Duration,
    list_up_to: usize,
}

impl PresenceRule {
    /// Makes a rule for a group, or, with a `*` at the end of the name, for all groups with that prefix.
    ///
    /// A group whose own name ends with `*` can only be named by a prefix. `*` alone is every group except the
    /// default one, whose name is empty. That one holds every socket, so that its members are the users that
    /// [`Hub::users`](crate::Hub::users) lists; [`HistoryRule::group`](super::HistoryRule::group) does take the
    /// empty name, since messages to all sockets can be kept.
    ///
    /// # Panics
    ///
    /// If the name is empty.
    #[track_caller]
    pub fn group(name: impl AsRef<str>) -> Self {
        let pattern = name.as_ref();
        assert!(
            !pattern.is_empty(),
            "PresenceRule::group: the default group has no name and no presence; have sockets join a \
             group of their own"
        );
        Self {
            pattern: pattern.to_owned(),
            leave_after: LEAVE_AFTER,
            list_up_to: LIST_UP_TO,
        }
    }

    /// Sets how long a user stays a member after its last socket in the group ended; 10 s by default, at most
    /// one year.
    ///
    /// A user that returns in this time has never left: with less than a few seconds, or zero, each reload of
    /// a page is a departure. A user that left stays listed for that long, and in a cluster for up to 7 s more
    /// if its node died.
    pub fn leave_after(mut self, time: Duration) -> Self {
        self.leave_after = time;
        self
    }

    /// Sets the number of users up to which watchers are told names; 200 by default.
    ///
    /// Above it, watchers get only the count. Raising it enlarges the first frame of each watcher (names, and
    /// up to 1 KiB per user of [`Socket::set_presence`](crate::Socket::set_presence)) and the answer of
    /// `GET __presence.wc`. [`Hub::presence`](crate::Hub::presence) always lists all.
    pub fn list_up_to(mut self, users: usize) -> Self {
        self.list_up_to = users;
        self
    }

    pub(crate) fn terms(&self) -> PresenceTerms {
        PresenceTerms {
            leave_after: self.leave_after.min(LONGEST),
            list_up_to: self.list_up_to,
        }
    }
}

/// The terms of a rule, for each of its groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PresenceTerms {
    pub(crate) leave_after: Duration,
    pub(crate) list_up_to: usize,
}

/// All rules: the one for a group's exact name counts, else the one with the longest prefix.
#[derive(Clone, Debug, Default)]
pub(crate) struct PresenceRules {
    exact: HashMap<String, PresenceTerms>,
    /// The longest first.
    prefixes: Vec<(String, PresenceTerms)>,
}

impl PresenceRules {
    /// Adds a rule; it takes the place of an earlier one for the same name or prefix.
    pub(crate) fn add(&mut self, rule: PresenceRule) {
        let terms = rule.terms();
        let Some(prefix) = rule.pattern.strip_suffix('*') else {
            self.exact.insert(rule.pattern, terms);
            return;
        };
        self.prefixes.retain(|(other, _)| other != prefix);
        self.prefixes.push((prefix.to_owned(), terms));
        self.prefixes
            .sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.prefixes.is_empty()
    }

    /// Returns the groups that a rule names by their whole name.
    pub(crate) fn exact_names(&self) -> impl Iterator<Item = &str> {
        self.exact.keys().map(String::as_str)
    }

    pub(crate) fn has_prefixes(&self) -> bool {
        !self.prefixes.is_empty()
    }

    /// Returns the terms for a group, if a rule names it.
    pub(crate) fn of(&self, group: &str) -> Option<PresenceTerms> {
        if group.is_empty() {
            return None;
        }
        let exact = self.exact.get(group);
        let by_prefix = || {
            let mut prefixes = self.prefixes.iter();
            prefixes.find(|(prefix, _)| group.starts_with(prefix.as_str()))
        };
        exact
            .or_else(|| by_prefix().map(|(_, terms)| terms))
            .copied()
    }
}

const LEAVE_AFTER: Duration = Duration::from_secs(10);
const LIST_UP_TO: usize = 200;

/// Keeps every end of an absence within the range of the clock.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exact_name_wins_over_the_longest_prefix() {
        let mut rules = PresenceRules::default();
        for (at, name) in ["*", "room:*", "room:1", "room:vip:*"]
            .into_iter()
            .enumerate()
        {
            rules.add(PresenceRule::group(name).list_up_to(at));
        }
        rules.add(PresenceRule::group("room:*").list_up_to(7));
        let of = |group| rules.of(group).map(|terms| terms.list_up_to);
        assert_eq!(of("lobby"), Some(0));
        assert_eq!(of("room:1"), Some(2));
        assert_eq!(of("room:12"), Some(7));
        assert_eq!(of("room:vip:1"), Some(3));
        assert_eq!(of(""), None, "the default group");
    }

    #[test]
    fn without_a_rule_nothing_is_kept_track_of() {
        let mut rules = PresenceRules::default();
        assert!(rules.is_empty());
        rules.add(PresenceRule::group("lobby"));
        assert!(!rules.is_empty());
        assert_eq!(rules.of("lobby2"), None);
        let terms = rules.of("lobby").expect("a rule");
        assert_eq!((terms.leave_after.as_secs(), terms.list_up_to), (10, 200));
    }

    #[test]
    #[should_panic(expected = "the default group has no name")]
    fn the_default_group_has_no_rule() {
        let _rule = PresenceRule::group("");
    }
}
