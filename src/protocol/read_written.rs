//! Reads a message that is written just as this crate writes it, which most are.

use crate::protocol::read_recipients::recipient;
use crate::protocol::{GroupId, Recipient, RecipientType, SocketMessage, UserId};

/// Reads a message out of what [`SocketMessage::encode`] would write for it. `None` if the JSON is
/// anything else, or has an escape or a key of the sender's own: then all rules have to be looked at.
///
/// It takes a quarter of the time of the general reader, and such JSON need not be written again.
pub(super) fn read_written(json: &str, max_recipients: usize) -> Option<SocketMessage> {
    let (action, rest) = text(json.strip_prefix(r#"{"action":""#)?)?;
    let (message, rest) = text(rest.strip_prefix(r#","message":""#)?)?;
    let (group_id, rest) = text(rest.strip_prefix(r#","groupId":""#)?)?;
    let (user_id, rest) = text(rest.strip_prefix(r#","userId":""#)?)?;
    let (recipients, rest) = recipients(rest.strip_prefix(r#","recipients":["#)?, max_recipients)?;
    (rest == "}").then(|| SocketMessage {
        action: action.to_owned(),
        message: message.to_owned(),
        group_id: GroupId::from(group_id),
        user_id: UserId::from(user_id),
        recipients,
        extra: Vec::new(),
    })
}

/// Reads a string to behind its closing quote.
fn text(json: &str) -> Option<(&str, &str)> {
    let (text, rest) = json.split_once('"')?;
    // Without an early end, so that many bytes are looked at in one step.
    let is_plain = |all: bool, byte: &u8| all & (*byte >= b' ') & (*byte != b'\\');
    text.as_bytes()
        .iter()
        .fold(true, is_plain)
        .then_some((text, rest))
}

/// Reads a list to behind its closing bracket.
fn recipients(json: &str, max: usize) -> Option<(Vec<Recipient>, &str)> {
    let mut recipients = Vec::new();
    if let Some(rest) = json.strip_prefix(']') {
        return Some((recipients, rest));
    }
    let mut rest = json;
    loop {
        if recipients.len() == max {
            return None;
        }
        let (kind, behind) = text(rest.strip_prefix(r#"{"type":""#)?)?;
        let (value, behind) = text(behind.strip_prefix(r#","value":""#)?)?;
        let kind = RecipientType::from_json(kind).filter(|known| known.as_str() == kind)?;
        recipients.push(recipient(Some(kind), value.to_owned()).ok()?);
        rest = behind.strip_prefix('}')?;
        match rest.strip_prefix(']') {
            Some(behind) => return Some((recipients, behind)),
            None => rest = rest.strip_prefix(',')?,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};

    use super::*;
    use crate::protocol::MessageErrorKind;

    #[test]
    fn only_what_would_be_written_is_read() {
        let written = r#"{"action":"a","message":"é {","groupId":"g","userId":"u","recipients":[{"type":"all","value":""},{"type":"user","value":"ann"}]}"#;
        let message = read_written(written, 2).expect("it is written so");
        assert_eq!(message.encode(), written.as_bytes());
        assert!(read_written(written, 1).is_none());
        for (part, other) in [
            ("action", "Action"),
            (r#""a""#, r#""\u0061""#),
            (r#""a""#, "null"),
            (r#""u""#, "7"),
            ("é", "\n"),
            (",", ", "),
            ("}]}", "}]} "),
            ("}]}", r#"}],"x":1}"#),
            (r#""all""#, r#""ALL""#),
            (r#""all""#, r#""none""#),
            ("ann", ""),
            ("},{", "}{"),
            ("]", ""),
        ] {
            let json = written.replacen(part, other, 1);
            assert!(
                json != written && read_written(&json, 2).is_none(),
                "{json}"
            );
        }
    }

    /// Pieces of messages, nearly written as they have to be.
    fn nearly_written() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just(r#"{"action":"#),
            Just(r#","message":"#),
            Just(r#","groupId":"#),
            Just(r#","userId":"#),
            Just(r#","recipients":["#),
            Just(r#"{"type":"all","value":""}"#),
            Just(r#"{"type":"user","value":""}"#),
            Just(r#""""#),
            Just(r#""a""#),
            Just(r#""\\""#),
            Just(r#""__error""#),
            Just(","),
            Just("]}"),
        ];
        prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
    }

    fn agrees(json: &str) {
        if let Some(message) = read_written(json, 4) {
            assert_eq!(message.encode(), json.as_bytes());
            match SocketMessage::read_generally(json.as_bytes(), 4) {
                Ok(read) => assert_eq!(read, message),
                Err(error) => assert_eq!(error.kind(), MessageErrorKind::ReservedAction),
            }
        }
    }

    proptest! {
        #[test]
        fn the_general_reader_reads_the_same(json in nearly_written()) {
            agrees(&json);
        }

        #[test]
        fn what_is_written_is_read_unless_it_has_escapes(
            texts in prop::collection::vec(any::<String>(), 4),
            names in prop::collection::vec("[a-z\\\\\"é]{1,3}", 0..6),
        ) {
            let mut message = SocketMessage::new(texts[0].as_str()).text(texts[1].as_str());
            message = message.from_user(texts[2].as_str()).from_group(texts[3].as_str());
            message.recipients = names.into_iter().map(Recipient::user).collect();
            let json = String::from_utf8(message.encode()).unwrap();
            let read = read_written(&json, 4);
            let is_plain = !json.contains('\\') && message.recipients.len() <= 4;
            assert_eq!(read, is_plain.then_some(message));
        }
    }
}
