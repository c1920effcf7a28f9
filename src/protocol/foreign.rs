//! The text of a message that another node has encoded.

use std::str;

/// Returns the text of a message from another node, unless it is damaged beyond doubt.
///
/// A text frame that is not UTF-8 would close every socket that gets it. The text is not parsed, which would
/// take longer than all else that a node does to receive a message; what was cut, or is no object at all, is
/// known by its ends.
pub(crate) fn foreign_text(bytes: &[u8]) -> Option<&str> {
    let text = str::from_utf8(bytes).ok()?;
    let is_object = text.len() > 1 && text.starts_with('{') && text.ends_with('}');
    is_object.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_cut_or_is_no_object_is_no_message() {
        assert_eq!(foreign_text(b"{}"), Some("{}"));
        for damaged in [
            &br#"{"action":"t","messa"#[..],
            br#""action":"t"}"#,
            b"hello",
            b"[1]",
            b"",
            b"{",
            b"}",
            b"{\xff}",
        ] {
            assert_eq!(foreign_text(damaged), None, "{damaged:?}");
        }
    }
}
