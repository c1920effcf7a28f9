//! Writes a message as JSON, in one pass over its parts.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::protocol::{Recipient, SocketMessage};

/// Appends `message` to `out`: the five keys, in their order, then everything additional verbatim.
pub(super) fn write(message: &SocketMessage, out: &mut Vec<u8>) {
    out.reserve(expected_size(message));
    write_open(message, out);
    out.push(b'}');
}

/// Appends `message` to `out` without its closing brace, so that more keys can follow.
pub(super) fn write_open(message: &SocketMessage, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"action\":");
    write_string(&message.action, out);
    out.extend_from_slice(b",\"message\":");
    write_string(&message.message, out);
    out.extend_from_slice(b",\"groupId\":");
    write_string(message.group_id.as_str(), out);
    out.extend_from_slice(b",\"userId\":");
    write_string(message.user_id.as_str(), out);
    out.extend_from_slice(b",\"recipients\":[");
    for (position, recipient) in message.recipients.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        write_recipient(recipient, out);
    }
    out.push(b']');
    for extra in &message.extra {
        out.push(b',');
        write_string(&extra.key, out);
        out.push(b':');
        out.extend_from_slice(extra.value.get().as_bytes());
    }
}

fn write_recipient(recipient: &Recipient, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(recipient.kind.as_str().as_bytes());
    out.extend_from_slice(b"\",\"value\":");
    write_string(&recipient.value, out);
    out.push(b'}');
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let (plain, special) = rest.split_at(plain_length(rest));
        out.extend_from_slice(plain);
        let Some((&byte, after)) = special.split_first() else {
            break;
        };
        write_escape(byte, out);
        rest = after;
    }
    out.push(b'"');
}

/// How many bytes come before the first that needs an escape.
fn plain_length(text: &[u8]) -> usize {
    // No early exit within a block, so that it is tested with vector instructions.
    let is_plain = |block: &&[u8]| {
        !block
            .iter()
            .fold(false, |any, &byte| any | needs_escape(byte))
    };
    let blocks = text.chunks_exact(BLOCK).take_while(is_plain).count() * BLOCK;
    let tail = &text[blocks..];
    let in_tail = tail.iter().position(|&byte| needs_escape(byte));
    blocks + in_tail.unwrap_or(tail.len())
}

const BLOCK: usize = 32;

const fn needs_escape(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

fn write_escape(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0C => b'f',
        _ => {
            let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&digits);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// The size of the JSON if nothing needs an escape.
fn expected_size(message: &SocketMessage) -> usize {
    const KEYS: usize =
        r#"{"action":"","message":"","groupId":"","userId":"","recipients":[]}"#.len();
    const RECIPIENT: usize = r#"{"type":"allButConnection","value":""},"#.len();
    let names = message.group_id.as_str().len() + message.user_id.as_str().len();
    let recipients = message
        .recipients
        .iter()
        .map(|to| RECIPIENT + to.value.len());
    let extra = message
        .extra
        .iter()
        .map(|extra| 4 + extra.key.len() + extra.value.get().len());
    KEYS + message.action.len()
        + message.message.len()
        + names
        + recipients.sum::<usize>()
        + extra.sum::<usize>()
}

impl Serialize for SocketMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(5 + self.extra.len()))?;
        object.serialize_entry("action", &self.action)?;
        object.serialize_entry("message", &self.message)?;
        object.serialize_entry("groupId", &self.group_id)?;
        object.serialize_entry("userId", &self.user_id)?;
        object.serialize_entry("recipients", &self.recipients)?;
        for extra in &self.extra {
            object.serialize_entry(&extra.key, &extra.value)?;
        }
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};
    use serde_json::Value;

    use super::*;

    fn encoded(message: &SocketMessage) -> String {
        String::from_utf8(message.encode()).unwrap()
    }

    #[test]
    fn s07_all_five_keys_are_always_written_in_order() {
        assert_eq!(
            encoded(&SocketMessage::default()),
            r#"{"action":"","message":"","groupId":"","userId":"","recipients":[]}"#
        );
        let message = SocketMessage::new("a")
            .text("m")
            .from_group("g")
            .from_user("u")
            .to_all()
            .except_group("x");
        assert_eq!(
            encoded(&message),
            concat!(
                r#"{"action":"a","message":"m","groupId":"g","userId":"u","recipients":["#,
                r#"{"type":"all","value":""},{"type":"allButGroup","value":"x"}]}"#
            )
        );
    }

    #[test]
    fn s07_other_keys_follow_in_their_order_byte_for_byte() {
        let json =
            br#"{"z":1.0e+2, "action":"a", "\u0041\"b":  {"k" : [ 1 ,"\u00e9\/" ]} ,"B":0.10}"#;
        let message = SocketMessage::from_slice(json).unwrap();
        assert_eq!(
            encoded(&message),
            concat!(
                r#"{"action":"a","message":"","groupId":"","userId":"","recipients":[],"#,
                r#""z":1.0e+2,"A\"b":{"k" : [ 1 ,"\u00e9\/" ]},"B":0.10}"#
            )
        );
    }

    #[test]
    fn s10_the_action_is_written_exactly() {
        let json = encoded(&SocketMessage::new(" Order.Shipped é "));
        assert!(json.starts_with(r#"{"action":" Order.Shipped é ","#));
    }

    #[test]
    fn it_is_appended() {
        let mut out = b"before".to_vec();
        SocketMessage::default().write_to(&mut out);
        assert!(out.starts_with(b"before{\"action\""));
    }

    #[test]
    fn a_message_without_escapes_is_written_without_growing_the_buffer() {
        let message = SocketMessage::new("a")
            .text("m".repeat(4096))
            .to_user("ann")
            .except_group("sales")
            .with_extra("x", &[1, 2])
            .unwrap();
        let json = message.encode();
        assert!(json.len() <= expected_size(&message));
    }

    #[test]
    fn serde_writes_the_same() {
        let message = SocketMessage::new("a\n\u{1}")
            .text("\"é\\")
            .to_group("g")
            .with_extra("x", &[1, 2])
            .unwrap();
        assert_eq!(serde_json::to_string(&message).unwrap(), encoded(&message));
    }

    proptest! {
        #[test]
        fn any_text_survives(
            action in any::<String>(),
            text in "[\\x00-\\x7f\"\\\\é😀]{0,9}[a-z]{0,70}[\\x00-\\x7f]{0,9}",
            names in prop::collection::vec(any::<String>(), 0..4),
        ) {
            let mut message = SocketMessage::new(action).text(text);
            message.recipients = names.into_iter().map(Recipient::group).collect();
            let json = message.encode();
            assert_eq!(SocketMessage::from_slice(&json).unwrap(), message);
            let value: Value = serde_json::from_slice(&json).unwrap();
            assert_eq!(value["message"], message.message);
        }
    }
}
