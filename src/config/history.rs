//! The type [`HistoryRule`]: how many messages of which streams are kept for clients, and how long.

use std::time::Duration;

/// Keeps the last messages of some streams, so that a client that reconnects gets what it missed:
/// [`Config::history`](crate::Config::history).
///
/// A rule without numbers keeps 100 messages of each stream for 300 seconds. The exact name of a group
/// or user takes precedence over prefixes and [`users`](Self::users), a longer prefix over a shorter one.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use web_connection_socket::{Config, config::HistoryRule};
///
/// let config = Config::new()
///     .history(HistoryRule::group("room:*").messages(200).age(Duration::from_secs(600)))
///     .history(HistoryRule::group("price:*").latest())
///     .history(HistoryRule::users());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct HistoryRule {
    pub(crate) applies_to: AppliesTo,
    pub(crate) keep: Retention,
}

/// The streams that a rule is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AppliesTo {
    Group(Box<str>),
    /// All groups whose names begin with this.
    GroupsFrom(Box<str>),
    User(Box<str>),
    Users,
    All,
}

/// How much of a stream is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Retention {
    /// How many messages.
    pub(crate) messages: usize,
    /// How long at least, for clients that reconnect.
    pub(crate) age: Duration,
    /// Whether each message replaces the ones before, so that a client that has the newest one lacks
    /// nothing.
    pub(crate) is_latest: bool,
}

impl HistoryRule {
    /// Keeps messages to the group of this name, or with `*` at its end to each group with that prefix; `*`
    /// alone is every group. The empty name is the default group, which holds every socket: the same as
    /// [`all`](Self::all). [`PresenceRule::group`](super::PresenceRule::group) refuses it, since a list of its
    /// members would be one of all users.
    ///
    /// A group whose own name ends with `*` can only be named by a prefix. Groups named `__user` or `__all`
    /// are never kept: `__resumed` frames use these names for other streams.
    pub fn group(name: impl AsRef<str>) -> Self {
        let name = name.as_ref();
        Self::new(match name.strip_suffix('*') {
            Some(prefix) => AppliesTo::GroupsFrom(prefix.into()),
            None if name.is_empty() => AppliesTo::All,
            None => AppliesTo::Group(name.into()),
        })
    }

    /// Keeps messages to the user of this name.
    ///
    /// # Panics
    ///
    /// If the name is empty, which is no user's.
    #[track_caller]
    pub fn user(name: impl AsRef<str>) -> Self {
        let name = name.as_ref();
        assert!(
            !name.is_empty(),
            "HistoryRule::user: the name must not be empty; HistoryRule::users() is for all users"
        );
        Self::new(AppliesTo::User(name.into()))
    }

    /// Keeps messages to each user.
    pub fn users() -> Self {
        Self::new(AppliesTo::Users)
    }

    /// Keeps messages to all sockets.
    ///
    /// Messages without recipients are among them only with [`DefaultAudience::All`].
    ///
    /// [`DefaultAudience::All`]: crate::DefaultAudience::All
    pub fn all() -> Self {
        Self::new(AppliesTo::All)
    }

    /// Sets how many messages of each stream are kept; 100 by default.
    ///
    /// A client that missed more gets none of them and is told so, and so is one that missed more than 300
    /// messages, or more bytes than half of [`max_queue_bytes`](crate::Config::max_queue_bytes). The later of
    /// [`latest`](Self::latest) and `messages` wins.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[track_caller]
    pub fn messages(mut self, n: usize) -> Self {
        assert!(n > 0, "HistoryRule::messages: must not be zero");
        self.keep.messages = n;
        self.keep.is_latest = false;
        self
    }

    /// Sets how long messages are kept; 300 seconds by default.
    ///
    /// A client that was away for no longer gets what it missed, and
    /// [`Hub::history`](crate::Hub::history) returns no older message. A message is gone after twice this
    /// time; in a [store](crate::WebConnectionSocketLayer::history_store) after a year at most.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[track_caller]
    pub fn age(mut self, age: Duration) -> Self {
        assert!(!age.is_zero(), "HistoryRule::age: must not be zero");
        self.keep.age = age;
        self
    }

    /// Keeps only the newest message of each stream, for values of which only the last one counts: prices, a
    /// status, who is typing.
    ///
    /// A client that has an older one gets the newest alone and lacks nothing: it is told that one message was
    /// missed and recovered. The later of `latest` and [`messages`](Self::messages) wins.
    pub fn latest(mut self) -> Self {
        self.keep.messages = 1;
        self.keep.is_latest = true;
        self
    }

    fn new(applies_to: AppliesTo) -> Self {
        Self {
            applies_to,
            keep: Retention {
                messages: 100,
                age: Duration::from_secs(300),
                is_latest: false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    #[test]
    fn a_star_at_the_end_makes_a_prefix() {
        for (name, expected) in [
            ("lobby", AppliesTo::Group("lobby".into())),
            ("room:*", AppliesTo::GroupsFrom("room:".into())),
            ("*", AppliesTo::GroupsFrom("".into())),
            ("a*b", AppliesTo::Group("a*b".into())),
            ("", AppliesTo::All),
        ] {
            assert_eq!(HistoryRule::group(name).applies_to, expected, "{name}");
        }
    }

    #[test]
    fn the_numbers_are_the_promised_ones() {
        let keep = HistoryRule::users().keep;
        assert_eq!((keep.messages, keep.age.as_secs()), (100, 300));
        assert!(!keep.is_latest);
        let latest = HistoryRule::users().messages(7).latest();
        assert!(latest.keep.is_latest && latest.keep.messages == 1);
        assert!(!latest.messages(7).keep.is_latest);
        let config = Config::new();
        assert_eq!(config.max_history_bytes, 64 * 1_024 * 1_024);
        assert!(config.history.is_empty());
    }

    #[test]
    fn a_later_rule_for_the_same_streams_replaces_the_one_before() {
        let rule = |messages| HistoryRule::group("a*").messages(messages);
        let config = Config::new()
            .history(rule(1))
            .history(HistoryRule::group("a"))
            .history(rule(2));
        assert_eq!(config.history, [HistoryRule::group("a"), rule(2)]);
    }

    #[test]
    #[should_panic(expected = "HistoryRule::messages: must not be zero")]
    fn no_messages_panic() {
        let _rule = HistoryRule::users().messages(0);
    }

    #[test]
    #[should_panic(expected = "HistoryRule::age: must not be zero")]
    fn no_time_panics() {
        let _rule = HistoryRule::users().age(Duration::ZERO);
    }

    #[test]
    #[should_panic(expected = "HistoryRule::user: the name must not be empty")]
    fn a_user_without_a_name_panics() {
        let _rule = HistoryRule::user("");
    }

    #[test]
    #[should_panic(expected = "Config::max_history_bytes: must not be zero")]
    fn no_bytes_panic() {
        let _config = Config::new().max_history_bytes(0);
    }
}
