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
