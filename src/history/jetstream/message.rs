//! One message of the stream: the header that identifies it, and how it is read back.

use std::{str, time::Duration};

use async_nats::{HeaderName, Message};
use bytes::Bytes;
use data_encoding::BASE64;
use serde::Deserialize;

/// The header by which the server tells what was sent again. As a text it would not be found among the
/// headers of a message that arrived.
pub(super) const MESSAGE_ID: HeaderName = HeaderName::from_static(MESSAGE_ID_TEXT);
const MESSAGE_ID_TEXT: &str = "Nats-Msg-Id";

/// What that header holds: the id of an entry, and who has sent it as which of its entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MessageId {
    pub(super) id: u64,
    /// `None` for a mark: an entry that is none, so that a stream without entries has a place.
    pub(super) sender: Option<(u64, u64)>,
}

impl MessageId {
    pub(super) fn to_text(self) -> String {
        match self.sender {
            Some((publisher, number)) => format!("{:x}.{publisher:x}.{number:x}", self.id),
            None => format!("{:x}.mark", self.id),
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| u64::from_str_radix(text, 16).ok();
        let (id, sender) = text.split_once('.')?;
        let sender = match sender.split_once('.') {
            Some((publisher, place)) => Some((number(publisher)?, number(place)?)),
            None if sender == "mark" => None,
            None => return None,
        };
        Some(Self {
            id: number(id)?,
            sender,
        })
    }
}

/// A message as the server gives it back.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) sequence: u64,
    pub(super) id: MessageId,
    pub(super) payload: Bytes,
    /// When it was stored, after 1970.
    pub(super) time: Duration,
}

impl Stored {
    /// Reads a message that a consumer was given.
    pub(super) fn of_consumer(message: &Message) -> Option<Self> {
        let reply = message.reply.as_ref()?;
        let tokens: Vec<_> = reply.as_str().split('.').collect();
        // $JS.ACK.stream.consumer.deliveries.sequence.order.time.pending, since 2.10 perhaps with a
        // domain and a hash before the stream and a token behind.
        let from_stream = if tokens.len() > 9 { 4 } else { 2 };
        let number = |at: usize| tokens.get(from_stream + at)?.parse().ok();
        let id = message.headers.as_ref()?.get(MESSAGE_ID)?;
        Some(Self {
            sequence: number(3)?,
            id: MessageId::parse(id.as_str())?,
            // A copy, since what was received shares the memory of a read buffer.
            payload: Bytes::copy_from_slice(&message.payload),
            time: Duration::from_nanos(number(5)?),
        })
    }
}

/// The place and the id of a message, asked for by one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) sequence: u64,
    pub(super) id: MessageId,
}

/// A message in an answer of the API.
#[derive(Debug, Deserialize)]
pub(super) struct RawMessage {
    pub(super) subject: String,
    #[serde(rename = "seq")]
    sequence: u64,
    #[serde(rename = "hdrs", default)]
    headers: String,
}

impl RawMessage {
    pub(super) fn found(&self) -> Option<Found> {
        let headers = BASE64.decode(self.headers.as_bytes()).ok()?;
        let headers = str::from_utf8(&headers).ok()?;
        let id = headers.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            (name == MESSAGE_ID_TEXT).then(|| MessageId::parse(value.trim()))?
        });
        Some(Found {
            sequence: self.sequence,
            id: id?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_message_survives_its_text() {
        for (id, text) in [
            (
                MessageId {
                    id: 0xab,
                    sender: Some((0xc, 0xd)),
                },
                "ab.c.d",
            ),
            (
                MessageId {
                    id: u64::MAX,
                    sender: None,
                },
                "ffffffffffffffff.mark",
            ),
        ] {
            assert_eq!(id.to_text(), text);
            assert_eq!(MessageId::parse(text), Some(id));
        }
        for text in ["", "ab", "ab.c", "ab.c.", "x.c.d", "ab.c.d.e"] {
            assert_eq!(MessageId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_message_is_found_with_its_id() {
        let headers = BASE64.encode(b"NATS/1.0\r\nOther: a\r\nNats-Msg-Id: ab.c.d\r\n\r\n");
        let json = format!(r#"{{"subject":"s","seq":7,"hdrs":"{headers}","time":"t"}}"#);
        let message: RawMessage = serde_json::from_str(&json).unwrap();
        let found = message.found().unwrap();
        assert_eq!((found.sequence, found.id.id), (7, 0xab));
        let message: RawMessage = serde_json::from_str(r#"{"subject":"s","seq":7}"#).unwrap();
        assert_eq!(message.found(), None, "it is not one of ours");
    }
}
