//! The streams that messages belong to: a group's, a user's, or that of all sockets.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use indexmap::Equivalent;
use sha2::Sha256;

use crate::protocol::{DefaultAudience, GroupId, Recipient, RecipientType, UserId};

/// The name of a stream: the messages to one group, to one user, or to all sockets, in their order.
///
/// A message belongs to a stream if its recipients include one group or one user and nothing else, or if
/// they include all sockets. Excluded recipients make no difference. A message for several groups, or
/// for a connection, belongs to none.
///
/// # Examples
///
/// ```
/// use web_connection_socket::{StreamName, UserId};
///
/// assert_eq!(StreamName::from("lobby"), StreamName::Group("lobby".into()));
/// assert_eq!(StreamName::from(UserId::from("ann")), StreamName::User("ann".into()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum StreamName {
    /// The messages to a group.
    Group(GroupId),
    /// The messages to a user.
    User(UserId),
    /// The messages to all sockets; the empty group name converts to it.
    All,
}

impl StreamName {
    pub(crate) fn as_ref(&self) -> StreamRef<'_> {
        match self {
            Self::Group(group) if group.is_empty() => StreamRef::All,
            Self::Group(group) => StreamRef::Group(group.as_str()),
            Self::User(user) => StreamRef::User(user.as_str()),
            Self::All => StreamRef::All,
        }
    }

    /// Returns the stream's name in `__resumed` frames.
    pub(crate) fn told_as(&self) -> &str {
        match self.as_ref() {
            StreamRef::Group(group) => group,
            StreamRef::User(_) => "__user",
            StreamRef::All => "__all",
        }
    }
}

impl From<&str> for StreamName {
    fn from(group: &str) -> Self {
        GroupId::from(group).into()
    }
}

impl From<String> for StreamName {
    fn from(group: String) -> Self {
        GroupId::from(group).into()
    }
}

impl From<GroupId> for StreamName {
    fn from(group: GroupId) -> Self {
        if group.is_empty() {
            Self::All
        } else {
            Self::Group(group)
        }
    }
}

impl From<&GroupId> for StreamName {
    fn from(group: &GroupId) -> Self {
        group.clone().into()
    }
}

impl From<UserId> for StreamName {
    fn from(user: UserId) -> Self {
        Self::User(user)
    }
}

impl From<&UserId> for StreamName {
    fn from(user: &UserId) -> Self {
        user.clone().into()
    }
}

impl From<&StreamName> for StreamName {
    fn from(stream: &StreamName) -> Self {
        stream.clone()
    }
}

/// Shows a stream as its clients are told of it: a group by its name, the others by reserved ones.
impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.told_as())
    }
}

/// A stream's name that is borrowed, from a list of recipients or a [`StreamName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum StreamRef<'a> {
    // The order of `StreamName`, whose hashes have to be the same.
    Group(&'a str),
    User(&'a str),
    All,
}

impl StreamRef<'_> {
    pub(crate) fn to_name(self) -> StreamName {
        match self {
            Self::Group(group) => StreamName::Group(group.into()),
            Self::User(user) => StreamName::User(user.into()),
            Self::All => StreamName::All,
        }
    }

    /// Returns the hash that stands for the name outside of the application: in positions, and in
    /// brokers. Without the key it cannot be found out for a name.
    pub(crate) fn digest(self, key: &[u8]) -> u128 {
        let (kind, name) = match self {
            Self::Group(group) => ("group", group),
            Self::User(user) => ("user", user),
            Self::All => ("all", ""),
        };
        let mut mac: Hmac<Sha256> =
            Hmac::new_from_slice(key).expect("HMAC takes a key of any length");
        mac.update(b"web-connection-socket stream ");
        mac.update(kind.as_bytes());
        mac.update(b" ");
        mac.update(name.as_bytes());
        let digest: [u8; 32] = mac.finalize().into_bytes().into();
        u128::from_be_bytes(std::array::from_fn(|at| digest[at]))
    }
}

impl Equivalent<StreamName> for StreamRef<'_> {
    fn equivalent(&self, name: &StreamName) -> bool {
        name.as_ref() == *self
    }
}

/// Returns the stream of a message for these recipients, if it belongs to one.
pub(crate) fn stream_of(
    recipients: &[Recipient],
    default: DefaultAudience,
) -> Option<StreamRef<'_>> {
    if recipients.is_empty() {
        return (default == DefaultAudience::All).then_some(StreamRef::All);
    }
    let mut includes = recipients.iter().filter(|to| !to.kind.excludes());
    let Some(only) = includes.next() else {
        return Some(StreamRef::All);
    };
    if includes.next().is_some() {
        return None;
    }
    match (only.kind, only.value.as_str()) {
        (RecipientType::All, _) | (RecipientType::Group, "") => Some(StreamRef::All),
        (RecipientType::Group, group) => Some(StreamRef::Group(group)),
        (RecipientType::User, user) if !user.is_empty() => Some(StreamRef::User(user)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, RandomState};

    use super::*;
    use crate::protocol::ConnectionId;

    #[test]
    fn one_include_and_any_excludes_are_a_stream() {
        let one = ConnectionId::new(1, 1);
        let (lobby, ann) = (Recipient::group("lobby"), Recipient::user("ann"));
        for (recipients, expected) in [
            (vec![], Some(StreamRef::All)),
            (vec![Recipient::all()], Some(StreamRef::All)),
            (vec![Recipient::group("")], Some(StreamRef::All)),
            (vec![Recipient::all_but_user("ann")], Some(StreamRef::All)),
            (vec![lobby.clone()], Some(StreamRef::Group("lobby"))),
            (
                vec![
                    Recipient::all_but_user("ann"),
                    lobby.clone(),
                    Recipient::all_but_connection(one),
                ],
                Some(StreamRef::Group("lobby")),
            ),
            (vec![ann.clone()], Some(StreamRef::User("ann"))),
            (vec![Recipient::user("")], None),
            (vec![Recipient::connection(one)], None),
            (vec![lobby.clone(), ann], None),
            (vec![lobby.clone(), lobby], None),
        ] {
            let found = stream_of(&recipients, DefaultAudience::All);
            assert_eq!(found, expected, "{recipients:?}");
        }
    }

    #[test]
    fn a_narrowed_default_audience_is_no_stream() {
        let narrow = DefaultAudience::Ungrouped;
        assert_eq!(stream_of(&[], narrow), None);
        let all = [Recipient::all()];
        assert_eq!(stream_of(&all, narrow), Some(StreamRef::All));
    }

    #[test]
    fn a_borrowed_name_is_found_by_an_owned_one() {
        let random = RandomState::new();
        for name in [
            StreamName::from("lobby"),
            StreamName::User("lobby".into()),
            StreamName::All,
        ] {
            assert_eq!(random.hash_one(&name), random.hash_one(name.as_ref()));
            assert!(name.as_ref().equivalent(&name));
            assert_eq!(name.as_ref().to_name(), name);
        }
        assert!(!StreamRef::User("lobby").equivalent(&StreamName::from("lobby")));
    }

    #[test]
    fn a_digest_tells_kind_name_and_key_apart() {
        let digests = [
            StreamRef::Group("a").digest(b""),
            StreamRef::Group("a").digest(b"key"),
            StreamRef::User("a").digest(b""),
            StreamRef::Group("user a").digest(b""),
            StreamRef::All.digest(b""),
        ];
        for (at, digest) in digests.iter().enumerate() {
            assert!(!digests[..at].contains(digest), "{at}");
        }
        assert_eq!(StreamRef::Group("a").digest(b""), digests[0]);
    }
}
