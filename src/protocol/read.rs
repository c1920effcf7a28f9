//! Reads a message out of JSON, liberally in spelling and strictly in everything else.

use serde::de::{DeserializeOwned, DeserializeSeed};

use crate::protocol::expected::{Expected, Outcome, Place};
use crate::protocol::json_limits::has_lone_surrogate;
use crate::protocol::keys::reserved;
use crate::protocol::read_message::{MessageObject, MessageOrList, Parts};
use crate::protocol::read_written::read_written;
use crate::protocol::{MessageError, MessageErrorKind, SocketMessage};

impl SocketMessage {
    /// Reads a message from JSON with at most 1 024 recipients; a UTF-8 byte-order mark before it is
    /// ignored, and so is a key `__position`, which the server adds to some messages.
    ///
    /// # Errors
    ///
    /// If the bytes are not UTF-8 or not one JSON object, a known key has a value of another type, a key
    /// occurs twice, a key or the action is reserved, a recipient is incomplete or of an unknown type, or
    /// an additional value nests deeper than 64 levels, holds half of a surrogate pair or a number beyond
    /// the range of a double.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::SocketMessage;
    ///
    /// let message = SocketMessage::from_slice(br#"{"ACTION": "ping", "trace": [1, 2]}"#)?;
    /// assert_eq!(message.action, "ping");
    /// assert_eq!(message.extra("trace"), Some("[1, 2]"));
    /// # Ok::<(), web_connection_socket::MessageError>(())
    /// ```
    pub fn from_slice(json: &[u8]) -> Result<Self, MessageError> {
        Self::read(json, DEFAULT_MAX_RECIPIENTS)
    }

    /// Reads a message from JSON with at most `max_recipients` recipients.
    pub(crate) fn read(json: &[u8], max_recipients: usize) -> Result<Self, MessageError> {
        match Self::read_written(json, max_recipients) {
            Some(message) => Ok(message),
            None => Self::read_generally(json, max_recipients),
        }
    }

    /// Reads a message whose JSON is, byte for byte, what [`encode`](Self::encode) would write. `None` if
    /// it is not, has escapes or keys of the sender's own, or is to be refused.
    pub(crate) fn read_written(json: &[u8], max_recipients: usize) -> Option<Self> {
        let message = read_written(std::str::from_utf8(json).ok()?, max_recipients)?;
        refuse_reserved(message).ok()
    }

    /// Reads a message however it is written.
    pub(crate) fn read_generally(json: &[u8], max_recipients: usize) -> Result<Self, MessageError> {
        let mut parts = Parts::default();
        let object = MessageObject {
            parts: &mut parts,
            max_recipients,
        };
        read_whole(utf8(json)?, object)?;
        refuse_reserved(parts.into_message()?)
    }

    /// Reads one message or a list of them.
    pub(crate) fn read_all(json: &[u8], max_recipients: usize) -> Result<Vec<Self>, MessageError> {
        let messages = read_whole(utf8(json)?, MessageOrList { max_recipients })?;
        messages.into_iter().map(refuse_reserved).collect()
    }

    /// Reads the JSON in the content; a byte-order mark before it is ignored.
    ///
    /// # Errors
    ///
    /// If the content is not JSON, or not JSON of a `T`; the source of the error says where.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::SocketMessage;
    ///
    /// let message = SocketMessage::new("prices").text("[1, 2]");
    /// assert_eq!(message.parse_json::<Vec<u32>>()?, [1, 2]);
    /// # Ok::<(), web_connection_socket::MessageError>(())
    /// ```
    pub fn parse_json<T: DeserializeOwned>(&self) -> Result<T, MessageError> {
        let json = self.message.trim_start_matches(BYTE_ORDER_MARK);
        serde_json::from_str(json).map_err(MessageError::conversion)
    }
}

/// RFC 8259 §8.1: JSON is UTF-8, and a byte-order mark before it may be ignored.
fn utf8(bytes: &[u8]) -> Result<&str, MessageErrorKind> {
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

/// How many recipients a message may have where nothing else is configured.
const DEFAULT_MAX_RECIPIENTS: usize = 1024;

/// What many Windows programs put before any text.
const BYTE_ORDER_MARK: char = '\u{feff}';

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
            (r#"{"__position":x}"#, Kind::BrokenJson),
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
    fn a_byte_order_mark_is_ignored() {
        let json = b"\xEF\xBB\xBF {\"action\":\"a\"}";
        assert_eq!(SocketMessage::from_slice(json).unwrap().action, "a");
        assert_eq!(SocketMessage::read_all(json, 1).unwrap().len(), 1);
        let list = b"\xEF\xBB\xBF\r\n[{\"action\":\"a\"},{}]";
        assert_eq!(SocketMessage::read_all(list, 1).unwrap().len(), 2);
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
                "a text holds half of a character, a lone surrogate, as of an emoji that was cut in \
                 two; send whole characters",
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
