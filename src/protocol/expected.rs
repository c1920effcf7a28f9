//! What is expected at one place of a message, so that a value of another type is an outcome and not
//! a serde error.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::protocol::{MessageError, MessageErrorKind};

/// What was read, or why the message is refused. Syntax errors are serde's, around it.
pub(super) type Outcome<T> = Result<T, MessageError>;

/// The types of JSON values that are accepted at one place; the others are refused.
pub(super) trait Expected<'de>: Sized {
    type Value;

    /// Returns the error of a value of another type.
    fn wrong_type(&self) -> MessageError;

    fn null(self) -> Outcome<Self::Value> {
        Err(self.wrong_type())
    }

    fn text(self, _text: &str) -> Outcome<Self::Value> {
        Err(self.wrong_type())
    }

    fn list<A: SeqAccess<'de>>(self, list: A) -> Result<Outcome<Self::Value>, A::Error> {
        refuse_list(list, self.wrong_type())
    }

    fn object<A: MapAccess<'de>>(self, object: A) -> Result<Outcome<Self::Value>, A::Error> {
        refuse_object(object, self.wrong_type())
    }
}

/// Reads the value of a key that may occur once.
pub(super) fn read_once<'de, E: Expected<'de>, A: MapAccess<'de>>(
    slot: &mut Option<E::Value>,
    expected: E,
    object: &mut A,
) -> Result<Outcome<()>, A::Error> {
    if slot.is_some() {
        return refuse_value(object, MessageErrorKind::DuplicateKey);
    }
    let outcome = object.next_value_seed(Place(expected))?;
    Ok(outcome.map(|value| *slot = Some(value)))
}

/// Passes over the value of a key that is refused.
pub(super) fn refuse_value<'de, T, A: MapAccess<'de>>(
    object: &mut A,
    kind: MessageErrorKind,
) -> Result<Outcome<T>, A::Error> {
    object.next_value::<IgnoredAny>()?;
    Ok(Err(kind.into()))
}

/// Passes over the rest of a list that is refused: a syntax error in it goes first.
pub(super) fn refuse_list<'de, T, A: SeqAccess<'de>>(
    mut list: A,
    why: MessageError,
) -> Result<Outcome<T>, A::Error> {
    while list.next_element::<IgnoredAny>()?.is_some() {}
    Ok(Err(why))
}

/// Passes over the rest of an object that is refused: a syntax error in it goes first.
pub(super) fn refuse_object<'de, T, A: MapAccess<'de>>(
    mut object: A,
    why: MessageError,
) -> Result<Outcome<T>, A::Error> {
    while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(Err(why))
}

/// The place where `E` is expected.
pub(super) struct Place<E>(pub(super) E);

impl<'de, E: Expected<'de>> DeserializeSeed<'de> for Place<E> {
    type Value = Outcome<E::Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, E: Expected<'de>> Visitor<'de> for Place<E> {
    type Value = Outcome<E::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<X: Error>(self) -> Result<Self::Value, X> {
        Ok(self.0.null())
    }

    fn visit_bool<X: Error>(self, _: bool) -> Result<Self::Value, X> {
        Ok(Err(self.0.wrong_type()))
    }

    fn visit_i64<X: Error>(self, _: i64) -> Result<Self::Value, X> {
        Ok(Err(self.0.wrong_type()))
    }

    fn visit_u64<X: Error>(self, _: u64) -> Result<Self::Value, X> {
        Ok(Err(self.0.wrong_type()))
    }

    fn visit_f64<X: Error>(self, _: f64) -> Result<Self::Value, X> {
        Ok(Err(self.0.wrong_type()))
    }

    fn visit_str<X: Error>(self, text: &str) -> Result<Self::Value, X> {
        Ok(self.0.text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        self.0.list(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Self::Value, A::Error> {
        self.0.object(object)
    }
}

/// Text; `null` is the empty one.
pub(super) struct Text(pub(super) &'static str);

impl<'de> Expected<'de> for Text {
    type Value = String;

    fn wrong_type(&self) -> MessageError {
        MessageError::wrong_type(self.0)
    }

    fn null(self) -> Outcome<String> {
        Ok(String::new())
    }

    fn text(self, text: &str) -> Outcome<String> {
        Ok(text.to_owned())
    }
}
