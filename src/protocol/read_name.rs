//! Reads the name of a user, a group or a socket, which may be written as a number.

use std::borrow::Cow;

use serde::de::MapAccess;
use serde_json::value::RawValue;

use crate::protocol::expected::{Outcome, refuse_value};
use crate::protocol::json_limits::check_limits;
use crate::protocol::{MessageError, MessageErrorKind};

/// Reads the value of a key that may occur once: text, a number as the text it is written with, or
/// `null` for the empty name.
///
/// Serializers that know a database key as a number write it as a number. Parsed as one, it would come
/// out in another spelling, and beyond 2^53 as another number: `42` is not `42.0`.
pub(super) fn read_name_once<'de, T, A>(
    slot: &mut Option<T>,
    key: &'static str,
    object: &mut A,
) -> Result<Outcome<()>, A::Error>
where
    T: for<'a> From<&'a str>,
    A: MapAccess<'de>,
{
    if slot.is_some() {
        return refuse_value(object, MessageErrorKind::DuplicateKey);
    }
    let json: &RawValue = object.next_value()?;
    Ok(match name(json.get()) {
        Ok(name) => {
            *slot = Some(T::from(&name));
            Ok(())
        }
        Err(MessageErrorKind::WrongType) => Err(MessageError::wrong_type(key)),
        Err(kind) => Err(kind.into()),
    })
}

/// Returns the name that a well-formed JSON value spells.
fn name(json: &str) -> Result<Cow<'_, str>, MessageErrorKind> {
    match json.as_bytes() {
        [b'"', inner @ .., b'"'] if !inner.contains(&b'\\') => {
            Ok(Cow::Borrowed(&json[1..json.len() - 1]))
        }
        [b'"', ..] => {
            check_limits(json)?;
            // It is well-formed, since it was read once; only half of a surrogate pair can be wrong.
            let text = serde_json::from_str::<String>(json);
            text.map(Cow::Owned)
                .map_err(|_| MessageErrorKind::LoneSurrogate)
        }
        [b'-' | b'0'..=b'9', ..] => check_limits(json).map(|()| Cow::Borrowed(json)),
        b"null" => Ok(Cow::Borrowed("")),
        _ => Err(MessageErrorKind::WrongType),
    }
}

#[cfg(test)]
mod tests {
    use super::name;
    use crate::protocol::{MessageError, MessageErrorKind, Recipient, SocketMessage};

    #[test]
    fn a_number_is_the_text_that_it_is_written_with() {
        for number in [
            "42",
            "0",
            "-0",
            "-7",
            "42.0",
            "1.10",
            "1E5",
            "1e-400",
            "9007199254740993",
            "123456789012345678901234567890",
        ] {
            let json = format!(
                r#"{{"userId": {number} ,"GROUPID":{number},
                    "recipients":[{{"type":"user","value":{number}}}],"x":{number}}}"#
            );
            let message = SocketMessage::from_slice(json.as_bytes()).unwrap();
            assert_eq!(message.user_id, number);
            assert_eq!(message.group_id, number);
            assert_eq!(message.recipients, [Recipient::user(number)]);
            assert_eq!(message.extra("x"), Some(number));
            let through_serde: SocketMessage = serde_json::from_str(&json).unwrap();
            assert_eq!(through_serde, message);
            let reader = serde_json::from_reader::<_, SocketMessage>(json.as_bytes());
            assert_eq!(reader.unwrap(), message);
            // From then on it is text.
            let text = format!(r#""userId":"{number}""#);
            assert!(String::from_utf8(message.encode()).unwrap().contains(&text));
        }
    }

    #[test]
    fn other_values_and_infinite_numbers_are_not_names() {
        use MessageErrorKind::{NumberOutOfRange, WrongType};
        for (value, kind) in [
            ("true", WrongType),
            ("false", WrongType),
            ("[]", WrongType),
            ("[42]", WrongType),
            (r#"{"id":42}"#, WrongType),
            ("1e400", NumberOutOfRange),
            ("-1E400", NumberOutOfRange),
            (&"9".repeat(400), NumberOutOfRange),
        ] {
            for json in [
                format!(r#"{{"userId":{value}}}"#),
                format!(r#"{{"groupId":{value}}}"#),
                format!(r#"{{"recipients":[{{"type":"group","value":{value}}}]}}"#),
            ] {
                let error = SocketMessage::from_slice(json.as_bytes()).unwrap_err();
                assert_eq!(error.kind(), kind, "{json}");
                assert!(serde_json::from_str::<SocketMessage>(&json).is_err());
            }
        }
    }

    #[test]
    fn only_names_may_be_numbers() {
        for json in [
            r#"{"action":42}"#,
            r#"{"message":42}"#,
            r#"{"recipients":[{"type":42}]}"#,
        ] {
            let error: MessageError = SocketMessage::from_slice(json.as_bytes()).unwrap_err();
            assert_eq!(error.kind(), MessageErrorKind::WrongType, "{json}");
            assert!(error.to_string().contains("must be a string"), "{error}");
            assert!(!error.to_string().contains("number"), "{error}");
        }
    }

    #[test]
    fn escapes_are_text() {
        assert_eq!(name(r#""caf\u00e9\n\"""#).unwrap(), "café\n\"");
        assert_eq!(name(r#""\ud83d\ude00""#).unwrap(), "😀");
        assert_eq!(name(r#""42""#).unwrap(), "42");
        assert_eq!(name(r#""""#).unwrap(), "");
        let lone = name(r#""\ud83d""#).unwrap_err();
        assert_eq!(lone, MessageErrorKind::LoneSurrogate);
    }
}
