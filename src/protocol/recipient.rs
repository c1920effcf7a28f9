//! One recipient of a message, and its type.

use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::protocol::ConnectionId;

/// One entry of a message's list of recipients.
///
/// Several entries add up: a broadcast goes to all sockets that an entry includes, except those that
/// an `AllBut…` entry excludes, with one copy for each socket.
///
/// # Examples
///
/// ```
/// use web_connection_socket::{Recipient, RecipientType, SocketMessage};
///
/// let mut message = SocketMessage::new("news");
/// message.recipients.push(Recipient::group("sales"));
/// message.recipients.push(Recipient::all_but_user("ann"));
/// assert_eq!(message.recipients[1].kind, RecipientType::AllButUser);
/// assert_eq!(message.recipients[1].value, "ann");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Recipient {
    /// What `value` names, and whether it is included or excluded; `type` in JSON.
    pub kind: RecipientType,
    /// The name of the group, user or connection.
    pub value: String,
}

impl Recipient {
    /// Creates a recipient of any type.
    #[must_use]
    pub fn new(kind: RecipientType, value: impl Into<String>) -> Self {
        Self {
            kind,
            value: value.into(),
        }
    }

    /// Includes every socket.
    #[must_use]
    pub fn all() -> Self {
        Self::new(RecipientType::All, String::new())
    }

    /// Includes the members of a group; the empty name is the default group, which holds every socket.
    #[must_use]
    pub fn group(group: impl Into<String>) -> Self {
        Self::new(RecipientType::Group, group)
    }

    /// Includes every socket of a user.
    #[must_use]
    pub fn user(user: impl Into<String>) -> Self {
        Self::new(RecipientType::User, user)
    }

    /// Includes one socket.
    #[must_use]
    pub fn connection(connection: ConnectionId) -> Self {
        Self::new(RecipientType::Connection, connection.to_string())
    }

    /// Excludes the members of a group; the empty name excludes every socket.
    #[must_use]
    pub fn all_but_group(group: impl Into<String>) -> Self {
        Self::new(RecipientType::AllButGroup, group)
    }

    /// Excludes every socket of a user; the empty name excludes no socket.
    #[must_use]
    pub fn all_but_user(user: impl Into<String>) -> Self {
        Self::new(RecipientType::AllButUser, user)
    }

    /// Excludes one socket.
    #[must_use]
    pub fn all_but_connection(connection: ConnectionId) -> Self {
        Self::new(RecipientType::AllButConnection, connection.to_string())
    }
}

impl Serialize for Recipient {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Recipient", 2)?;
        object.serialize_field("type", self.kind.as_str())?;
        object.serialize_field("value", &self.value)?;
        object.end()
    }
}

/// What the value of a [`Recipient`] names, and whether that is included or excluded.
///
/// # Examples
///
/// ```
/// use web_connection_socket::RecipientType;
///
/// assert_eq!(RecipientType::AllButUser.as_str(), "allButUser");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RecipientType {
    /// Every socket; the value does not matter.
    All,
    /// The members of a group.
    Group,
    /// Every socket of a user.
    User,
    /// One socket.
    Connection,
    /// Every socket except the members of a group.
    AllButGroup,
    /// Every socket except those of a user.
    AllButUser,
    /// Every socket except one.
    AllButConnection,
}

impl RecipientType {
    const EVERY: [Self; 7] = [
        Self::All,
        Self::Group,
        Self::User,
        Self::Connection,
        Self::AllButGroup,
        Self::AllButUser,
        Self::AllButConnection,
    ];

    /// Reads the JSON spelling, without regard to ASCII case.
    pub(super) fn from_json(text: &str) -> Option<Self> {
        Self::EVERY
            .into_iter()
            .find(|kind| kind.as_str().eq_ignore_ascii_case(text))
    }

    /// Returns the spelling in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Group => "group",
            Self::User => "user",
            Self::Connection => "connection",
            Self::AllButGroup => "allButGroup",
            Self::AllButUser => "allButUser",
            Self::AllButConnection => "allButConnection",
        }
    }

    /// Tells whether it removes sockets from the audience instead of adding them.
    pub(crate) const fn excludes(self) -> bool {
        matches!(
            self,
            Self::AllButGroup | Self::AllButUser | Self::AllButConnection
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_read_in_any_case() {
        for kind in RecipientType::EVERY {
            for text in [
                kind.as_str().to_owned(),
                kind.as_str().to_ascii_uppercase(),
                kind.as_str().to_ascii_lowercase(),
            ] {
                assert_eq!(RecipientType::from_json(&text), Some(kind));
            }
        }
    }

    #[test]
    fn nothing_else_is_a_type() {
        for text in ["", " all", "al", "allBut", "users", "ａll"] {
            assert_eq!(RecipientType::from_json(text), None, "{text}");
        }
    }
}
