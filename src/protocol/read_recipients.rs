//! Reads the list of recipients of a message.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::protocol::read_name::fill_name;
use crate::protocol::trail::Trail;
use crate::protocol::{MessageErrorKind, Recipient, RecipientType};

/// A list of recipients, or `null`.
pub(super) struct RecipientList<'a>(pub(super) &'a Trail);

impl<'de> DeserializeSeed<'de> for RecipientList<'_> {
    type Value = Vec<Recipient>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for RecipientList<'_> {
    type Value = Vec<Recipient>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of recipients")
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut recipients = Vec::new();
        while let Some(recipient) = list.next_element_seed(RecipientObject(self.0))? {
            // Checked here and not at the end: a long list must not be held first.
            if recipients.len() == self.0.max_recipients {
                return Err(self.0.refuse(MessageErrorKind::TooManyRecipients));
            }
            recipients.push(recipient);
        }
        Ok(recipients)
    }
}

struct RecipientObject<'a>(&'a Trail);

impl<'de> DeserializeSeed<'de> for RecipientObject<'_> {
    type Value = Recipient;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Recipient, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RecipientObject<'_> {
    type Value = Recipient;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a recipient object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Recipient, A::Error> {
        let trail = self.0;
        let mut kind: Option<TypeName> = None;
        let mut value: Option<String> = None;
        while let Some(key) = map.next_key_seed(AnyKey)? {
            match key {
                Some(Key::Type) => trail.fill(&mut kind, "type", &mut map)?,
                Some(Key::Value) => fill_name(trail, &mut value, "value", &mut map)?,
                None => return Err(trail.refuse(MessageErrorKind::UnknownRecipientKey)),
            }
        }
        trail.enter("recipients");
        let Some(TypeName(Some(kind))) = kind else {
            return Err(trail.refuse(MessageErrorKind::UnknownRecipientType));
        };
        let value = value.unwrap_or_default();
        let names_one = matches!(kind, RecipientType::User | RecipientType::Connection);
        if names_one && value.is_empty() {
            return Err(trail.refuse(MessageErrorKind::EmptyRecipient));
        }
        Ok(Recipient { kind, value })
    }
}

/// The text of `type`; `None` if no type is spelled so.
#[derive(Default)]
struct TypeName(Option<RecipientType>);

impl<'de> serde::Deserialize<'de> for TypeName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = TypeName;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the type of a recipient")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<TypeName, E> {
                Ok(TypeName(RecipientType::from_json(text)))
            }
        }

        deserializer.deserialize_str(Text)
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
    fn too_many_recipients_are_refused_before_they_are_held() {
        let list = |count: usize| vec![r#"{"type":"all"}"#; count].join(",");
        let fits = format!(r#"{{"recipients":[{}]}}"#, list(2));
        assert!(SocketMessage::read(fits.as_bytes(), 2).is_ok());
        // Cut off after the third: what follows is never looked at.
        let long = format!(r#"{{"recipients":[{},"#, list(3));
        let error = SocketMessage::read(long.as_bytes(), 2).unwrap_err();
        assert_eq!(error.kind(), MessageErrorKind::TooManyRecipients);
        let none = SocketMessage::read(br#"{"recipients":[]}"#, 0);
        assert!(none.is_ok());
    }
}
