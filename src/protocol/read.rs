//! Reads a message out of JSON, liberally in spelling and strictly in everything else.

use serde::de::{DeserializeSeed, MapAccess, SeqAccess};
use serde_json::value::RawValue;

use crate::protocol::expected::{
    Expected, Outcome, Place, Text, read_once, refuse_list, refuse_object, refuse_value,
};
use crate::protocol::extra::Extra;
use crate::protocol::json_limits::{check_limits, has_lone_surrogate};
use crate::protocol::keys::{AnyKey, Key, Known, has_twins, reserved};
use crate::protocol::read_name::read_name_once;
use crate::protocol::read_recipients::RecipientList;
use crate::protocol::{GroupId, MessageError, MessageErrorKind, Recipient, SocketMessage, UserId};

/// How many recipients a message may have where nothing else is configured.
pub(crate) const DEFAULT_MAX_RECIPIENTS: usize = 1024;

/// What many Windows programs put before any text.
pub(super) const BYTE_ORDER_MARK: char = '\u{feff}';

/// Reads one message, and nothing after it, with at most `max_recipients` recipients.
pub(super) fn read(bytes: &[u8], max_recipients: usize) -> Outcome<SocketMessage> {
    let mut parts = Parts::default();
    let object = MessageObject {
        parts: &mut parts,
        max_recipients,
    };
    read_whole(text(bytes)?, object)?;
    refuse_reserved(parts.into_message()?)
}

/// Reads one message or a list of them, and nothing after it.
pub(super) fn read_all(bytes: &[u8], max_recipients: usize) -> Outcome<Vec<SocketMessage>> {
    let messages = read_whole(text(bytes)?, MessageOrList { max_recipients })?;
    messages.into_iter().map(refuse_reserved).collect()
}

/// RFC 8259 §8.1: JSON is UTF-8, and a byte-order mark before it may be ignored.
fn text(bytes: &[u8]) -> Result<&str, MessageErrorKind> {
    let text = std::str::from_utf8(bytes).map_err(|_| MessageErrorKind::NotUtf8)?;
    Ok(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text))
}

fn read_whole<'de, E: Expected<'de>>(json: &'de str, expected: E) -> Outcome<E::Value> {
    let mut reader = serde_json::Deserializer::from_str(json);
    Place(expected)
        .deserialize(&mut reader)
        .and_then(|outcome| reader.end().map(|()| outcome))
        .map_err(|error| broken_json(error, json))?
}

/// Refuses a message whose action is the server's own, once the message is known to be whole.
fn refuse_reserved(message: SocketMessage) -> Outcome<SocketMessage> {
    match reserved(&message.action) {
        Some(action) => Err(MessageError::reserved_action(action)),
        None => Ok(message),
    }
}

fn broken_json(error: serde_json::Error, json: &str) -> MessageError {
    // serde_json calls half of a surrogate pair the end of an escape that was expected to go on.
    if error.is_syntax() && has_lone_surrogate(before(&error, json)) {
        MessageErrorKind::LoneSurrogate.into()
    } else {
        MessageError::broken_json(error)
    }
}

/// Returns what was read when the error came: well-formed up to its end.
fn before<'a>(error: &serde_json::Error, json: &'a str) -> &'a [u8] {
    let lines = json.split_inclusive('\n').take(error.line() - 1);
    let end = lines.map(str::len).sum::<usize>() + error.column();
    &json.as_bytes()[..end.min(json.len())]
}

struct MessageOrList {
    max_recipients: usize,
}

impl<'de> Expected<'de> for MessageOrList {
    type Value = Vec<SocketMessage>;

    fn wrong_type(&self) -> MessageError {
        MessageErrorKind::NotAnObject.into()
    }

    fn list<A: SeqAccess<'de>>(self, mut list: A) -> Result<Outcome<Self::Value>, A::Error> {
        let mut messages = Vec::new();
        loop {
            let mut parts = Parts::default();
            let object = self.message(&mut parts);
            let Some(read) = list.next_element_seed(Place(object))? else {
                return Ok(Ok(messages));
            };
            match read.and_then(|()| parts.into_message()) {
                Ok(message) => messages.push(message),
                Err(why) => return refuse_list(list, why),
            }
        }
    }

    fn object<A: MapAccess<'de>>(self, object: A) -> Result<Outcome<Self::Value>, A::Error> {
        let mut parts = Parts::default();
        let read = self.message(&mut parts).object(object)?;
        Ok(read.and_then(|()| Ok(vec![parts.into_message()?])))
    }
}

impl MessageOrList {
    fn message<'p>(&self, parts: &'p mut Parts) -> MessageObject<'p> {
        MessageObject {
            parts,
            max_recipients: self.max_recipients,
        }
    }
}

/// Fills parts in place: moving a whole message through serde costs a tenth of the time.
struct MessageObject<'p> {
    parts: &'p mut Parts,
    max_recipients: usize,
}

impl<'de> Expected<'de> for MessageObject<'_> {
    type Value = ();

    fn wrong_type(&self) -> MessageError {
        MessageErrorKind::NotAnObject.into()
    }

    fn object<A: MapAccess<'de>>(self, mut object: A) -> Result<Outcome<()>, A::Error> {
        while let Some(key) = object.next_key_seed(AnyKey)? {
            let read = self.parts.read(key, &mut object, self.max_recipients)?;
            if let Err(why) = read {
                return refuse_object(object, why);
            }
        }
        Ok(Ok(()))
    }
}

/// The values of a message whose keys are being read.
#[derive(Default)]
struct Parts {
    action: Option<String>,
    message: Option<String>,
    group_id: Option<GroupId>,
    user_id: Option<UserId>,
    recipients: Option<Vec<Recipient>>,
    extra: Vec<Extra>,
}

impl Parts {
    /// Reads the value of `key`.
    fn read<'de, A: MapAccess<'de>>(
        &mut self,
        key: Key,
        object: &mut A,
        max_recipients: usize,
    ) -> Result<Outcome<()>, A::Error> {
        match key {
            Key::Known(Known::Action) => read_once(&mut self.action, Text("action"), object),
            Key::Known(Known::Message) => read_once(&mut self.message, Text("message"), object),
            Key::Known(Known::GroupId) => read_name_once(&mut self.group_id, "groupId", object),
            Key::Known(Known::UserId) => read_name_once(&mut self.user_id, "userId", object),
            Key::Known(Known::Recipients) => {
                let list = RecipientList {
                    max: max_recipients,
                };
                read_once(&mut self.recipients, list, object)
            }
            Key::Known(Known::Reserved) => refuse_value(object, MessageErrorKind::ReservedKey),
            Key::Other(key) => {
                let value: &RawValue = object.next_value()?;
                let checked = check_limits(value.get());
                self.extra.push(Extra {
                    key,
                    value: value.to_owned(),
                });
                Ok(checked.map_err(MessageError::from))
            }
        }
    }

    fn into_message(self) -> Outcome<SocketMessage> {
        let extra = self.extra;
        if extra.len() > 1 && has_twins(extra.iter().map(|extra| extra.key.as_str()).collect()) {
            return Err(MessageErrorKind::DuplicateKey.into());
        }
        Ok(SocketMessage {
            action: self.action.unwrap_or_default(),
            message: self.message.unwrap_or_default(),
            group_id: self.group_id.unwrap_or_default(),
            user_id: self.user_id.unwrap_or_default(),
            recipients: self.recipients.unwrap_or_default(),
            extra,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};

    use super::*;
    use crate::protocol::Recipient;

    fn kind_of(json: &str) -> Option<MessageErrorKind> {
        SocketMessage::from_slice(json.as_bytes())
            .err()
            .map(|error| error.kind())
    }

    #[test]
    fn s07_the_documented_message_is_read() {
        let json = br#"{ "action": "broadcastchatmessage",
            "message": "text, or JSON in a string",
            "groupId": "Web Connection Chat 03-10-2021",
            "userId": "RickFox",
            "recipients": [ {"type": "group", "value": "chatusers"},
                            {"type": "allButUser", "value": "rstrahl"} ] }"#;
        let expected = SocketMessage::new("broadcastchatmessage")
            .text("text, or JSON in a string")
            .from_group("Web Connection Chat 03-10-2021")
            .from_user("RickFox")
            .to_group("chatusers")
            .except_user("rstrahl");
        assert_eq!(SocketMessage::from_slice(json).unwrap(), expected);
    }

    #[test]
    fn s07_the_spelling_of_another_serializer_is_read() {
        let json = br#"{"action":"a","MESSAGE":"m","groupid":"g","USERID":"u",
            "Recipients":[{"Type":"ALLBUTUSER","VALUE":"x"}]}"#;
        let message = SocketMessage::from_slice(json).unwrap();
        assert_eq!(message.message, "m");
        assert_eq!(message.group_id, "g");
        assert_eq!(message.user_id, "u");
        assert_eq!(message.recipients, [Recipient::all_but_user("x")]);
    }

    #[test]
    fn s10_the_action_is_read_exactly() {
        let json = r#"{"Action":" Order.Shipped\u0000é "}"#;
        let message = SocketMessage::from_slice(json.as_bytes()).unwrap();
        assert_eq!(message.action, " Order.Shipped\0é ");
    }

    #[test]
    fn missing_and_null_are_empty() {
        for json in [
            "{}",
            " \t\r\n{ } \n",
            r#"{"action":null,"message":null,"groupId":null,"userId":null,"recipients":null}"#,
            r#"{"recipients":[]}"#,
        ] {
            let message = SocketMessage::from_slice(json.as_bytes()).unwrap();
            assert_eq!(message, SocketMessage::default(), "{json}");
        }
    }

    #[test]
    fn a_bad_message_is_refused() {
        use MessageErrorKind as Kind;
        for (json, kind) in [
            ("", Kind::BrokenJson),
            ("{", Kind::BrokenJson),
            ("{}x", Kind::BrokenJson),
            ("{}{}", Kind::BrokenJson),
            ("{'action':''}", Kind::BrokenJson),
            ("\u{feff}", Kind::BrokenJson),
            ("\u{feff}\u{feff}{}", Kind::BrokenJson),
            (" \u{feff}{}", Kind::BrokenJson),
            ("{}\u{feff}", Kind::BrokenJson),
            (r#"{"action":"a",}"#, Kind::BrokenJson),
            ("{\"action\":\"\0\"}", Kind::BrokenJson),
            (r#"{"message":"\ud83d"}"#, Kind::LoneSurrogate),
            (r#"{"message":"\ude00"}"#, Kind::LoneSurrogate),
            (r#"{"message":"\ud83d\ud83d\ude00"}"#, Kind::LoneSurrogate),
            (
                "{\n\"a\":\"é\",\n \"action\":\"é\\ud83d\"}",
                Kind::LoneSurrogate,
            ),
            (r#"{"\ud83d":1}"#, Kind::LoneSurrogate),
            (r#"{"userId":"\ud83d"}"#, Kind::LoneSurrogate),
            (r#"{"recipients":[{"type":"\ud83d"}]}"#, Kind::LoneSurrogate),
            (r#"{"message":"\ud83d\ude00","action":x}"#, Kind::BrokenJson),
            (r#"{"message":x,"action":"\ud83d"}"#, Kind::BrokenJson),
            // What is wrong with the JSON is named before what is wrong with the message.
            (r#"{"message":7,"action":"a""#, Kind::BrokenJson),
            (r#"{"error":1,"action":x}"#, Kind::BrokenJson),
            (r#"{"recipients":[{"type":"x"},]}"#, Kind::BrokenJson),
            (r#"{"message":"\uzzzz"}"#, Kind::BrokenJson),
            (r#"{"x":01}"#, Kind::BrokenJson),
            (r#"{"x":NaN}"#, Kind::BrokenJson),
            ("[]", Kind::NotAnObject),
            ("null", Kind::NotAnObject),
            (r#""text""#, Kind::NotAnObject),
            ("7", Kind::NotAnObject),
            (r#"{"action":7}"#, Kind::WrongType),
            (r#"{"message":{"a":1}}"#, Kind::WrongType),
            (r#"{"message":true}"#, Kind::WrongType),
            (r#"{"groupId":["a"]}"#, Kind::WrongType),
            (r#"{"userId":true}"#, Kind::WrongType),
            (r#"{"userId":1e400}"#, Kind::NumberOutOfRange),
            (r#"{"recipients":{}}"#, Kind::WrongType),
            (r#"{"recipients":"all"}"#, Kind::WrongType),
            (r#"{"action":"","ACTION":""}"#, Kind::DuplicateKey),
            (r#"{"message":null,"message":"x"}"#, Kind::DuplicateKey),
            (r#"{"recipients":[],"Recipients":[]}"#, Kind::DuplicateKey),
            (r#"{"x":1,"y":2,"X":3}"#, Kind::DuplicateKey),
            (r#"{"\u0061ction":"","action":""}"#, Kind::DuplicateKey),
            (r#"{"error":null}"#, Kind::ReservedKey),
            (r#"{"ERROR":{}}"#, Kind::ReservedKey),
            (r#"{"\u0065rror":1}"#, Kind::ReservedKey),
            (r#"{"__position":"a-1"}"#, Kind::ReservedKey),
            (r#"{"action":"a","__POSITION":null}"#, Kind::ReservedKey),
            (r#"{"action":"__error"}"#, Kind::ReservedAction),
            (r#"{"action":"__resumed"}"#, Kind::ReservedAction),
            (r#"{"action":"__presence"}"#, Kind::ReservedAction),
            (r#"{"action":"__ping"}{}"#, Kind::BrokenJson),
            (r#"{"action":"__ping","x":1e400}"#, Kind::NumberOutOfRange),
            (
                r#"{"message":"x","ACTION":"\u005f_error"}"#,
                Kind::ReservedAction,
            ),
            (r#"{"x":"\ud83d"}"#, Kind::LoneSurrogate),
            (r#"{"x":[1e400]}"#, Kind::NumberOutOfRange),
        ] {
            assert_eq!(kind_of(json), Some(kind), "{json}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_passed_over() {
        let json = b"\xEF\xBB\xBF {\"action\":\"a\"}";
        assert_eq!(SocketMessage::from_slice(json).unwrap().action, "a");
        assert_eq!(read_all(json, 1).unwrap().len(), 1);
        let list = b"\xEF\xBB\xBF\r\n[{\"action\":\"a\"},{}]";
        assert_eq!(read_all(list, 1).unwrap().len(), 2);
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_called_that() {
        for json in [
            &b"{\"message\":\"\xff\"}"[..],
            b"{\"x\":\"\xc0\xaf\"}",
            b"{\"\xff\":1}",
            b"{\"groupId\":\"\xed\xa0\x80\"}",
            b"\xff",
            b"{}\xff",
            // Windows-1252, and UTF-16 with its mark.
            b"{\"message\":\"gr\xfc\xdfe\"}",
            b"\xff\xfe{\0}\0",
        ] {
            let error = SocketMessage::from_slice(json).unwrap_err();
            assert_eq!(error.kind(), MessageErrorKind::NotUtf8, "{json:?}");
            assert!(
                error
                    .to_string()
                    .ends_with("not UTF-8; in FoxPro use STRCONV(…, 9)"),
                "{error}"
            );
        }
    }

    #[test]
    fn every_refusal_says_what_to_do_and_repeats_nothing() {
        for (json, text) in [
            (
                r#"{"message":{"secret":1}}"#,
                "`message` must be a string; send other values as JSON in a string",
            ),
            (
                r#"{"userId":["secret"]}"#,
                "`userId` must be a string or a number",
            ),
            (
                r#"{"recipients":[{"type":"user","value":true}]}"#,
                "`value` must be a string or a number",
            ),
            (
                r#"{"message":"secret \ud83d"}"#,
                "a text has half of a character in it, a lone surrogate, as of an emoji that was cut \
                 in two; send whole characters",
            ),
            (
                r#"{"action":"secret""#,
                "the message is not valid JSON: EOF while parsing an object at line 1 column 18",
            ),
        ] {
            let error = SocketMessage::from_slice(json.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), text);
            assert!(!format!("{error:?}").contains("secret"));
        }
        let wrong_element = SocketMessage::from_slice(br#"{"recipients":[{"type":"all"},7]}"#);
        let text = wrong_element.unwrap_err().to_string();
        assert!(text.starts_with("`recipients` must be a list"), "{text}");
    }

    #[test]
    fn deep_nesting_costs_no_stack_wherever_it_stands() {
        let deep = "[".repeat(1_000_000);
        let closed = format!("{deep}{}", "]".repeat(1_000_000));
        assert_eq!(kind_of(&deep), Some(MessageErrorKind::BrokenJson));
        assert_eq!(kind_of(&closed), Some(MessageErrorKind::NotAnObject));
        for (key, kind) in [
            ("message", MessageErrorKind::WrongType),
            ("recipients", MessageErrorKind::WrongType),
            ("x", MessageErrorKind::TooDeep),
        ] {
            assert_eq!(kind_of(&format!(r#"{{"{key}":{closed}}}"#)), Some(kind));
        }
        let objects = format!("{}1{}", r#"{"a":"#.repeat(100_000), "}".repeat(100_000));
        let json = format!(r#"{{"x":{objects}}}"#);
        assert_eq!(kind_of(&json), Some(MessageErrorKind::TooDeep));
    }

    #[test]
    fn ten_thousand_keys_are_read_and_one_twin_among_them_found() {
        let keys: Vec<String> = (0..10_000).map(|at| format!("\"Key{at}\":{at}")).collect();
        let json = format!("{{{}}}", keys.join(","));
        let message = SocketMessage::from_slice(json.as_bytes()).unwrap();
        assert_eq!(message.extra.len(), 10_000);
        assert_eq!(message.extra("key9999"), Some("9999"));
        let twin = format!("{{{},\"kEy77\":0}}", keys.join(","));
        assert_eq!(kind_of(&twin), Some(MessageErrorKind::DuplicateKey));
    }

    #[test]
    fn a_list_of_messages_is_read_through_serde() {
        let list: Vec<SocketMessage> =
            serde_json::from_str(r#"[{"action":"a","x":[1, 2]},{"action":"b"}]"#).unwrap();
        assert_eq!(list[0].extra("x"), Some("[1, 2]"));
        assert_eq!(list[1].action, "b");
        for refused in [r#"[{"error":1}]"#, r#"[{"action":"__pong"}]"#] {
            assert!(serde_json::from_str::<Vec<SocketMessage>>(refused).is_err());
        }
    }

    #[test]
    fn a_list_is_read_under_the_rules_of_each_message() {
        let all = r#"{"type":"all"}"#;
        let list = format!(r#" [{{"recipients":[{all}]}},{{"recipients":[{all},{all}]}}]"#);
        assert_eq!(read_all(list.as_bytes(), 2).unwrap().len(), 2);
        let error = read_all(list.as_bytes(), 1).unwrap_err();
        assert_eq!(error.kind(), MessageErrorKind::TooManyRecipients);
        assert!(read_all(b"[{}]x", 1).is_err());
        assert!(read_all(b"[7]", 1).is_err());
        assert_eq!(read_all(b"[]", 1).unwrap(), []);
    }

    /// Text that is nearly a message: its tokens in any order.
    fn nearly_a_message() -> impl Strategy<Value = String> {
        let token = prop_oneof![
            Just("{"),
            Just("}"),
            Just("["),
            Just("]"),
            Just(":"),
            Just(","),
            Just("null"),
            Just("1e400"),
            Just("-0.5"),
            Just(r#""\ud83d""#),
            Just(r#""\u0000""#),
            Just(r#"{"recipients":[{"type":"user","value":"a"}]"#),
            Just(r#"{"type":"allButGroup"}"#),
            Just(r#""action":"#),
            Just(r#""Message":"text""#),
            Just(r#""x":"#),
            Just(r#""userId":"#),
            Just(r#""error""#),
        ];
        prop::collection::vec(token, 0..12).prop_map(|tokens| tokens.concat())
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_and_read_again(json in nearly_a_message()) {
            if let Ok(message) = SocketMessage::from_slice(json.as_bytes()) {
                assert_eq!(SocketMessage::from_slice(&message.encode()).unwrap(), message);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in any::<Vec<u8>>()) {
            let _ = SocketMessage::from_slice(&bytes);
        }
    }
}
