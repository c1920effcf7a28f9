//! The names of sockets, users and groups.

use std::borrow::Borrow;
use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

/// The name of one open socket, unique over all nodes and never reused.
///
/// It is written as 32 lower-case hexadecimal digits, and read in that form only.
///
/// # Examples
///
/// ```
/// use web_connection_socket::ConnectionId;
///
/// let id: ConnectionId = "000000000000002a0000000000000007".parse()?;
/// assert_eq!(id.to_string(), "000000000000002a0000000000000007");
/// # Ok::<(), web_connection_socket::ParseConnectionIdError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId {
    node: u64,
    serial: u64,
}

impl ConnectionId {
    /// Names the socket `serial` of the node `node`.
    pub(crate) const fn new(node: u64, serial: u64) -> Self {
        Self { node, serial }
    }

    /// Returns the id as it is written.
    pub(crate) fn digits(self) -> [u8; 32] {
        let id = u128::from(self.node) << 64 | u128::from(self.serial);
        let digit = |at: usize| (id >> (4 * (31 - at))) as usize & 0xf;
        std::array::from_fn(|at| b"0123456789abcdef"[digit(at)])
    }

    /// Returns the node whose socket it is.
    pub(crate) const fn node(self) -> u64 {
        self.node
    }

    /// Returns the id as bytes, for frames between nodes.
    pub(crate) fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.node.to_be_bytes());
        bytes[8..].copy_from_slice(&self.serial.to_be_bytes());
        bytes
    }

    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        let number = u128::from_be_bytes(bytes);
        Self::new((number >> 64) as u64, number as u64)
    }
}

impl FromStr for ConnectionId {
    type Err = ParseConnectionIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // One spelling only: an id is compared as text by applications.
        let digits = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 32 || !text.bytes().all(digits) {
            return Err(ParseConnectionIdError(()));
        }
        let half = |hex| u64::from_str_radix(hex, 16).map_err(|_| ParseConnectionIdError(()));
        Ok(Self::new(half(&text[..16])?, half(&text[16..])?))
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.digits();
        f.write_str(std::str::from_utf8(&digits).expect("they are ASCII"))
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnectionId({self})")
    }
}

/// The text is not a [`ConnectionId`].
///
/// # Examples
///
/// ```
/// use web_connection_socket::ConnectionId;
///
/// let error = "7".parse::<ConnectionId>().unwrap_err();
/// assert_eq!(error.to_string(), "a connection id is 32 lower-case hexadecimal digits");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseConnectionIdError(());

impl fmt::Display for ParseConnectionIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a connection id is 32 lower-case hexadecimal digits")
    }
}

impl Error for ParseConnectionIdError {}

macro_rules! name {
    ($(#[$meta:meta])* $name:ident, $expected:literal) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Returns the name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Tells whether the name is the empty one.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                // The empty name is by far the most frequent, and needs no allocation.
                if name.is_empty() {
                    Self::default()
                } else {
                    Self(name.into())
                }
            }
        }

        impl From<String> for $name {
            fn from(name: String) -> Self {
                Self::from(name.as_str())
            }
        }

        impl From<&$name> for $name {
            fn from(name: &$name) -> Self {
                name.clone()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.as_str().to_owned()
            }
        }

        impl From<&$name> for String {
            fn from(name: &$name) -> Self {
                name.as_str().to_owned()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.as_str() == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.as_str() == *other
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Name;

                impl Visitor<'_> for Name {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expected)
                    }

                    fn visit_str<E: de::Error>(self, name: &str) -> Result<$name, E> {
                        Ok(name.into())
                    }
                }

                deserializer.deserialize_str(Name)
            }
        }
    };
}

name! {
    /// The name of a group of sockets; cheap to clone.
    ///
    /// Names are compared exactly, upper and lower case being different. The empty name is the
    /// default group, of which every socket is a member.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::GroupId;
    ///
    /// let group = GroupId::from("chat");
    /// assert_eq!(group, "chat");
    /// assert!(GroupId::default().is_empty());
    /// ```
    GroupId, "the name of a group"
}

name! {
    /// The name of a user, which may have many sockets; cheap to clone.
    ///
    /// Names are compared exactly, upper and lower case being different. The empty name is no user.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::UserId;
    ///
    /// let user = UserId::from("ann");
    /// assert_eq!(user.as_str(), "ann");
    /// assert!(UserId::default().is_empty());
    /// ```
    UserId, "the name of a user"
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn a_connection_id_is_sixteen_bytes_and_survives_its_text() {
        assert_eq!(size_of::<ConnectionId>(), 16);
        for (node, serial) in [(0, 0), (1, 2), (u64::MAX, u64::MAX), (0xab, 1 << 63)] {
            let id = ConnectionId::new(node, serial);
            assert_eq!(id.to_string().len(), 32);
            assert_eq!(id.to_string().parse(), Ok(id));
            assert_eq!((id.node, id.serial), (node, serial));
            assert_eq!(ConnectionId::from_bytes(id.to_bytes()), id);
        }
    }

    #[test]
    fn a_connection_id_has_one_spelling() {
        for text in [
            "",
            "7",
            "000000000000002A0000000000000007",
            "+0000000000000020000000000000007",
            "000000000000002a000000000000000",
            "000000000000002a00000000000000070",
            " 00000000000002a0000000000000007",
            "éééééééééééééééé",
        ] {
            assert!(text.parse::<ConnectionId>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_is_found_by_its_text() {
        let map = HashMap::from([(UserId::from("ann"), 1)]);
        assert_eq!(map.get("ann"), Some(&1));
        assert_eq!(map.get("Ann"), None);
    }

    #[test]
    fn a_name_is_a_string_in_json() {
        let group: GroupId = serde_json::from_str("\"caf\\u00e9\"").unwrap();
        assert_eq!(group, "café");
        assert_eq!(serde_json::to_string(&group).unwrap(), "\"café\"");
        assert!(serde_json::from_str::<GroupId>("7").is_err());
    }
}
