//! The top-level keys of a message.

use std::cmp::Ordering;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, Visitor};

/// Returns the action if it is reserved.
pub(super) fn reserved(action: &str) -> Option<&'static str> {
    RESERVED_ACTIONS
        .into_iter()
        .find(|reserved| *reserved == action)
}

/// A key with a meaning of its own.
#[derive(Clone, Copy)]
pub(super) enum Known {
    Action,
    Message,
    GroupId,
    UserId,
    Recipients,
    /// A key that only the server writes.
    Reserved,
    /// What the server adds to a message of a stream.
    Position,
}

impl Known {
    /// Recognizes a key, without regard to ASCII case.
    pub(super) fn from_json(key: &str) -> Option<Self> {
        let found = |is: fn(&str, &str) -> bool| KEYS.iter().find(|(name, _)| is(name, key));
        // Nearly every key is spelled as it is here, and that comparison is the cheaper one.
        let (_, known) =
            found(|name, key| name == key).or_else(|| found(str::eq_ignore_ascii_case))?;
        Some(*known)
    }
}

/// A top-level key of a message.
pub(super) enum Key {
    Known(Known),
    Other(String),
}

/// Reads any key, without an allocation for the known ones.
pub(super) struct AnyKey;

impl<'de> DeserializeSeed<'de> for AnyKey {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for AnyKey {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Key, E> {
        Ok(Known::from_json(key).map_or_else(|| Key::Other(key.to_owned()), Key::Known))
    }
}

/// Tells whether two keys differ in ASCII case at most.
///
/// It sorts them, because comparing each pair of ten thousand keys would take too long.
pub(super) fn has_twins(mut keys: Vec<&str>) -> bool {
    keys.sort_unstable_by(|a, b| cmp_ignore_ascii_case(a, b));
    keys.windows(2)
        .any(|pair| pair[0].eq_ignore_ascii_case(pair[1]))
}

fn cmp_ignore_ascii_case(a: &str, b: &str) -> Ordering {
    let a = a.bytes().map(|byte| byte.to_ascii_lowercase());
    a.cmp(b.bytes().map(|byte| byte.to_ascii_lowercase()))
}

/// The action of error frames, which only the server makes.
pub(super) const ERROR_ACTION: &str = "__error";

/// The action of the frame that tells a client how it goes on in its streams.
pub(super) const RESUMED_ACTION: &str = "__resumed";

/// The action by which a client asks whether its connection lives.
pub(crate) const PING_ACTION: &str = "__ping";

/// The action of the frames that say who is here.
pub(crate) const PRESENCE_ACTION: &str = "__presence";

const KEYS: [(&str, Known); 7] = [
    ("action", Known::Action),
    ("message", Known::Message),
    ("groupId", Known::GroupId),
    ("userId", Known::UserId),
    ("recipients", Known::Recipients),
    ("error", Known::Reserved),
    ("__position", Known::Position),
];

/// The actions with a meaning between the server and the client.
const RESERVED_ACTIONS: [&str; 5] = [
    ERROR_ACTION,
    PING_ACTION,
    "__pong",
    RESUMED_ACTION,
    PRESENCE_ACTION,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twins_are_found_in_any_spelling_and_place() {
        for (keys, twins) in [
            (vec![], false),
            (vec!["a"], false),
            (vec!["a", "b", "ab", ""], false),
            (vec!["a", "b", "A"], true),
            (vec!["", "x", ""], true),
            (vec!["[", "{", "a_", "A^"], false),
            (vec!["é", "É"], false),
        ] {
            assert_eq!(has_twins(keys.clone()), twins, "{keys:?}");
        }
    }
}
