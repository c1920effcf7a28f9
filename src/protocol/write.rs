//! Writes a message as JSON: the five keys in their order, then the sender's own verbatim.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::protocol::SocketMessage;

impl SocketMessage {
    /// Writes the message as JSON.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::SocketMessage;
    ///
    /// let json = SocketMessage::new("refresh").encode();
    /// assert!(json.starts_with(br#"{"action":"refresh","message":"","#));
    /// ```
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut json = Vec::new();
        self.write_to(&mut json);
        json
    }

    /// Appends the message as JSON.
    pub(crate) fn write_to(&self, out: &mut Vec<u8>) {
        out.reserve(expected_size(self));
        write_json(self, out);
    }
}

/// Appends a value of this crate to `out` as JSON.
pub(super) fn write_json(value: &impl Serialize, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("keys are strings, and a Vec takes every byte");
}

/// Returns the size of the JSON if nothing needs an escape, so that the buffer seldom grows.
fn expected_size(message: &SocketMessage) -> usize {
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
        + message.group_id.as_str().len()
        + message.user_id.as_str().len()
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

const KEYS: usize = r#"{"action":"","message":"","groupId":"","userId":"","recipients":[]}"#.len();
const RECIPIENT: usize = r#"{"type":"allButConnection","value":""},"#.len();

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};
    use serde_json::Value;

    use super::*;
    use crate::protocol::Recipient;

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
    fn escapes_are_the_shortest() {
        let message = SocketMessage::new("a\n\u{1}").text("\"é\\\u{7f}/");
        let json = encoded(&message);
        assert!(
            json.starts_with(r#"{"action":"a\n\u0001","message":"\"é\\"#),
            "{json}"
        );
        assert!(json.contains("\u{7f}/\",\"groupId\""), "{json}");
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
