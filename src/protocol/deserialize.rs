//! Reads a message through serde, apart from the reader of the wire.

use serde::de::{Deserialize, Deserializer, Error};
use serde_json::value::RawValue;

use crate::protocol::SocketMessage;

/// Reads what [`SocketMessage::from_slice`] reads, from a deserializer of `serde_json`.
impl<'de> Deserialize<'de> for SocketMessage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        Self::from_slice(json.get().as_bytes()).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
