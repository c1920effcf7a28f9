//! Reads the list of recipients of a message.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::protocol::expected::{
    Expected, Outcome, Place, read_once, refuse_list, refuse_object, refuse_value,
};
use crate::protocol::read_name::read_name_once;
use crate::protocol::{MessageError, MessageErrorKind, Recipient, RecipientType};

/// A list of at most `max` recipients, or `null`.
pub(super) struct RecipientList {
    pub(super) max: usize,
}

impl<'de> Expected<'de> for RecipientList {
    type Value = Vec<Recipient>;

    fn wrong_type(&self) -> MessageError {
        MessageError::wrong_type("recipients")
    }

    fn null(self) -> Outcome<Self::Value> {
        Ok(Vec::new())
    }

    fn list<A: SeqAccess<'de>>(self, mut list: A) -> Result<Outcome<Self::Value>, A::Error> {
        let mut recipients = Vec::new();
        while let Some(recipient) = list.next_element_seed(Place(RecipientObject))? {
            match recipient {
                // Checked here and not at the end, so that a long list is never held.
                Ok(_) if recipients.len() == self.max => {
                    return refuse_list(list, MessageErrorKind::TooManyRecipients.into());
                }
                Ok(recipient) => recipients.push(recipient),
                Err(why) => return refuse_list(list, why),
            }
        }
        Ok(Ok(recipients))
    }
}

struct RecipientObject;

impl<'de> Expected<'de> for RecipientObject {
    type Value = Recipient;

    fn wrong_type(&self) -> MessageError {
        MessageError::wrong_type("recipients")
    }

    fn object<A: MapAccess<'de>>(self, mut object: A) -> Result<Outcome<Recipient>, A::Error> {
        let (mut kind, mut value) = (None, None);
        while let Some(key) = object.next_key_seed(AnyKey)? {
            let outcome = match key {
                Some(Key::Type) => read_once(&mut kind, TypeName, &mut object)?,
                Some(Key::Value) => read_name_once(&mut value, "value", &mut object)?,
                None => refuse_value(&mut object, MessageErrorKind::UnknownRecipientKey)?,
            };
            if let Err(why) = outcome {
                return refuse_object(object, why);
            }
        }
        Ok(recipient(kind.flatten(), value.unwrap_or_default()))
    }
}

/// Makes a recipient of what was read.
pub(super) fn recipient(kind: Option<RecipientType>, value: String) -> Outcome<Recipient> {
    let Some(kind) = kind else {
        return Err(MessageErrorKind::UnknownRecipientType.into());
    };
    let names_one = matches!(kind, RecipientType::User | RecipientType::Connection);
    if names_one && value.is_empty() {
        return Err(MessageErrorKind::EmptyRecipient.into());
    }
    Ok(Recipient { kind, value })
}

/// The text of `type`; `None` if no type is spelled so.
struct TypeName;

impl<'de> Expected<'de> for TypeName {
    type Value = Option<RecipientType>;

    fn wrong_type(&self) -> MessageError {
        MessageError::wrong_type("type")
    }

    fn null(self) -> Outcome<Self::Value> {
        Ok(None)
    }

    fn text(self, text: &str) -> Outcome<Self::Value> {
        Ok(RecipientType::from_json(text))
    }
}

enum Key {
    Type,
    Value,
}

struct AnyKey;

impl<'de> DeserializeSeed<'de> for AnyKey {
    type Value = Option<Key>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for AnyKey {
    type Value = Option<Key>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`type` or `value`")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(if key.eq_ignore_ascii_case("type") {
            Some(Key::Type)
        } else if key.eq_ignore_ascii_case("value") {
            Some(Key::Value)
        } else {
            None
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::SocketMessage;

    #[test]
    fn a_recipient_may_leave_out_its_value() {
        for (json, kind) in [
            (r#"{"type":"all"}"#, RecipientType::All),
            (r#"{"type":"group","value":null}"#, RecipientType::Group),
            (r#"{"value":"","type":"group"}"#, RecipientType::Group),
            (r#"{"type":"allButGroup"}"#, RecipientType::AllButGroup),
            (r#"{"type":"allButUser"}"#, RecipientType::AllButUser),
        ] {
            let json = format!(r#"{{"recipients":[{json}]}}"#);
            let message = SocketMessage::from_slice(json.as_bytes()).unwrap();
            assert_eq!(message.recipients, [Recipient::new(kind, "")], "{json}");
        }
    }

    #[test]
    fn a_bad_recipient_is_refused() {
        use MessageErrorKind as Kind;
        for (list, kind) in [
            (r#""all""#, Kind::WrongType),
            ("null", Kind::WrongType),
            (r#"["group","a"]"#, Kind::WrongType),
            (r#"{"type":1}"#, Kind::WrongType),
            (r#"{"type":"user","value":true}"#, Kind::WrongType),
            (r#"{"type":"user","value":{"id":7}}"#, Kind::WrongType),
            (r#"{"type":"all","TYPE":"all"}"#, Kind::DuplicateKey),
            ("{}", Kind::UnknownRecipientType),
            (r#"{"value":"a"}"#, Kind::UnknownRecipientType),
            (r#"{"type":null}"#, Kind::UnknownRecipientType),
            (r#"{"type":""}"#, Kind::UnknownRecipientType),
            (r#"{"type":"users"}"#, Kind::UnknownRecipientType),
            (r#"{"type":"all","x":1}"#, Kind::UnknownRecipientKey),
            (r#"{"type":"user"}"#, Kind::EmptyRecipient),
            (r#"{"type":"user","value":""}"#, Kind::EmptyRecipient),
            (
                r#"{"type":"connection","value":null}"#,
                Kind::EmptyRecipient,
            ),
        ] {
            let json = format!(r#"{{"recipients":[{list}]}}"#);
            let error = SocketMessage::from_slice(json.as_bytes()).unwrap_err();
            assert_eq!(error.kind(), kind, "{json}");
        }
    }

    #[test]
    fn too_many_recipients_are_refused() {
        let list = |count: usize| vec![r#"{"type":"all"}"#; count].join(",");
        let fits = format!(r#"{{"recipients":[{}]}}"#, list(2));
        assert!(SocketMessage::read(fits.as_bytes(), 2).is_ok());
        let long = format!(r#"{{"recipients":[{},7,{{}}],"message":7}}"#, list(3));
        let error = SocketMessage::read(long.as_bytes(), 2).unwrap_err();
        assert_eq!(error.kind(), MessageErrorKind::TooManyRecipients);
        let none = SocketMessage::read(br#"{"recipients":[]}"#, 0);
        assert!(none.is_ok());
    }
}
