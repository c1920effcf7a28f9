//! The reader of messages: no bytes make it panic, it agrees with two other ways to read the same,
//! and what is read is written and read again without a change.

#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, value::RawValue};
use std::collections::HashMap;
use web_connection_socket::{Recipient, RecipientType, SocketMessage};

fuzz_target!(|data: &[u8]| {
    match data {
        [0, rest @ ..] => {
            let parts = Parts::arbitrary(&mut Unstructured::new(rest));
            written(&parts.expect("any bytes make parts").message());
        }
        [1, rest @ ..] => {
            let keys = Vec::<Key>::arbitrary(&mut Unstructured::new(rest));
            read(json(&keys.expect("any bytes make keys")).as_bytes());
        }
        json => read(json),
    }
});

/// Text that is a message, or nearly one.
fn read(json: &[u8]) {
    let message = SocketMessage::from_slice(json);
    // serde_json itself passes over no mark.
    let json = json.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(json);
    let through_serde = serde_json::from_slice::<SocketMessage>(json);
    assert_eq!(message.is_ok(), through_serde.is_ok());
    let Ok(message) = message else {
        return;
    };
    assert_eq!(message, through_serde.expect("both read it"));
    let mut object: HashMap<String, &RawValue> = serde_json::from_slice(json).expect("an object");
    // What was received can be sent on: a position may stand there, whatever it is, and is not kept.
    object.retain(|key, _| !key.eq_ignore_ascii_case("__position"));
    assert_eq!(message.extra("__position"), None);
    assert!(!object.keys().any(|key| key.eq_ignore_ascii_case("error")));
    let values: HashMap<_, Value> = object
        .iter()
        .map(|(key, raw)| (key, serde_json::from_str(raw.get()).expect("plain JSON")))
        .collect();
    let text = |key: &str| {
        let found = values.iter().find(|(its, _)| its.eq_ignore_ascii_case(key));
        found
            .and_then(|(_, value)| value.as_str())
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(message.action, text("action"));
    assert_eq!(message.message, text("message"));
    let name = |key: &str| {
        let found = object.iter().find(|(its, _)| its.eq_ignore_ascii_case(key));
        let raw = found.map(|(_, value)| value.get()).unwrap_or("null");
        match raw.as_bytes()[0] {
            b'-' | b'0'..=b'9' => raw.to_owned(),
            _ => text(key),
        }
    };
    assert_eq!(message.group_id.as_str(), name("groupId"));
    assert_eq!(message.user_id.as_str(), name("userId"));
    assert!(!RESERVED_ACTIONS.contains(&&*message.action));
    written(&message);
}

/// A message that was read, or made in Rust.
fn written(message: &SocketMessage) {
    let json = message.encode();
    let Ok(Value::Object(object)) = serde_json::from_slice(&json) else {
        panic!("it is written as something else than an object");
    };
    for key in ["action", "message", "groupId", "userId", "recipients"] {
        assert!(object.contains_key(key), "{key} is missing");
    }
    assert!(!object.contains_key("__position"));
    assert_eq!(object["message"], message.message.as_str());
    // Whatever else it is, an action of the server's own is not read back.
    if RESERVED_ACTIONS.contains(&&*message.action) {
        assert!(SocketMessage::from_slice(&json).is_err());
        return;
    }
    let again = SocketMessage::from_slice(&json).expect("it reads what it wrote");
    assert_eq!(*message, again);
    assert_eq!(json, again.encode());
    let through_serde = serde_json::to_vec(message).expect("serde writes it");
    assert_eq!(json, through_serde);
}

const RESERVED_ACTIONS: [&str; 5] = ["__error", "__ping", "__pong", "__resumed", "__presence"];

/// A message as Rust code makes one.
#[derive(Arbitrary, Debug)]
struct Parts<'a> {
    texts: [&'a str; 4],
    recipients: Vec<(u8, &'a str)>,
    extra: Vec<(&'a str, Extra<'a>)>,
}

#[derive(Arbitrary, Debug)]
enum Extra<'a> {
    Null,
    Number(f64),
    Integer(i64),
    Text(&'a str),
    List(Vec<u16>),
}

impl Parts<'_> {
    fn message(&self) -> SocketMessage {
        let [action, text, group, user] = self.texts;
        let mut message = SocketMessage::new(action)
            .text(text)
            .from_group(group)
            .from_user(user);
        for &(kind, value) in &self.recipients {
            let kind = KINDS[usize::from(kind) % KINDS.len()];
            let named = !value.is_empty();
            // Readers refuse an empty user or connection.
            if named || !matches!(kind, RecipientType::User | RecipientType::Connection) {
                message.recipients.push(Recipient::new(kind, value));
            }
        }
        for (key, value) in &self.extra {
            let more = match value {
                Extra::Null => message.clone().with_extra(key, &()),
                Extra::Number(number) => message.clone().with_extra(key, number),
                Extra::Integer(number) => message.clone().with_extra(key, number),
                Extra::Text(text) => message.clone().with_extra(key, text),
                Extra::List(list) => message.clone().with_extra(key, list),
            };
            message = more.unwrap_or(message);
        }
        message
    }
}

const KINDS: [RecipientType; 7] = [
    RecipientType::All,
    RecipientType::Group,
    RecipientType::User,
    RecipientType::Connection,
    RecipientType::AllButGroup,
    RecipientType::AllButUser,
    RecipientType::AllButConnection,
];

/// A key and its value in JSON that is nearly a message.
#[derive(Arbitrary, Debug)]
struct Key<'a> {
    name: Name<'a>,
    value: Json<'a>,
}

#[derive(Arbitrary, Debug)]
enum Name<'a> {
    Known(u8),
    Upper(u8),
    Escaped(u8),
    Other(&'a str),
}

#[derive(Arbitrary, Debug)]
enum Json<'a> {
    Token(u8),
    Text(&'a str),
    Recipients(Vec<(u8, bool, &'a str)>),
    Nested(u8),
    Raw(&'a str),
}

fn json(keys: &[Key<'_>]) -> String {
    let keys: Vec<_> = keys
        .iter()
        .map(|key| format!("{}:{}", key.name.json(), key.value.json()))
        .collect();
    format!("{{{}}}", keys.join(","))
}

impl Name<'_> {
    fn json(&self) -> String {
        let known = |index: &u8| NAMES[usize::from(*index) % NAMES.len()];
        match self {
            Self::Known(index) => format!("\"{}\"", known(index)),
            Self::Upper(index) => format!("\"{}\"", known(index).to_ascii_uppercase()),
            Self::Escaped(index) => {
                let units = known(index).encode_utf16();
                let escaped: String = units.map(|unit| format!("\\u{unit:04x}")).collect();
                format!("\"{escaped}\"")
            }
            Self::Other(name) => Value::from(*name).to_string(),
        }
    }
}

impl Json<'_> {
    fn json(&self) -> String {
        match self {
            Self::Token(index) => TOKENS[usize::from(*index) % TOKENS.len()].to_owned(),
            Self::Text(text) => Value::from(*text).to_string(),
            Self::Recipients(list) => {
                let recipients: Vec<_> = list
                    .iter()
                    .map(|(kind, upper, value)| {
                        let kind = KINDS[usize::from(*kind) % KINDS.len()].as_str();
                        let kind = if *upper {
                            kind.to_uppercase()
                        } else {
                            kind.to_owned()
                        };
                        format!("{{\"Type\":\"{kind}\",\"value\":{}}}", Value::from(*value))
                    })
                    .collect();
                format!("[{}]", recipients.join(","))
            }
            Self::Nested(depth) => {
                let depth = usize::from(*depth);
                format!("{}{}", "[".repeat(depth), "]".repeat(depth))
            }
            Self::Raw(text) => (*text).to_owned(),
        }
    }
}

const NAMES: [&str; 10] = [
    "action",
    "message",
    "groupId",
    "userId",
    "recipients",
    "error",
    "__position",
    "type",
    "value",
    "trace",
];

const TOKENS: [&str; 16] = [
    "null",
    "true",
    "1e400",
    "-0.0",
    "[]",
    "{}",
    "\"\\ud83d\"",
    "\"\\ud83d\\ude00\"",
    "\"\\u0000\"",
    "\"__error\"",
    "\"__ping\"",
    "1e308",
    "42",
    "1.50",
    "123456789012345678901234567890",
    "{\"a\":{\"a\":1}}",
];
