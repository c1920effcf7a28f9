use bytes::Bytes;

use crate::protocol::{CloseReason, RawMessage, SocketMessage};

/// One complete, unmasked WebSocket frame, header included: encoded once and shared by every
/// socket it is sent to.
#[derive(Clone, Debug)]
pub(crate) struct Frame(Bytes);

impl Frame {
    /// A text frame holding a message's JSON.
    pub(crate) fn message(message: &SocketMessage) -> Self {
        let about = message.message.len() + ROOM_FOR_KEYS;
        Self::build(TEXT, about, |buffer| message.write_to(buffer))
    }

    /// A text frame holding ready-made JSON.
    pub(crate) fn text(json: &[u8]) -> Self {
        Self::build(TEXT, json.len(), |buffer| buffer.extend_from_slice(json))
    }

    /// A frame holding what an application sends as it is.
    pub(crate) fn raw(message: &RawMessage) -> Self {
        let opcode = if message.is_text() { TEXT } else { BINARY };
        let payload = message.as_bytes();
        Self::build(opcode, payload.len(), |buffer| {
            buffer.extend_from_slice(payload)
        })
    }

    pub(crate) fn ping() -> Self {
        Self(Bytes::from_static(&[FIN | PING, 0]))
    }

    /// A text frame holding a message that means nothing but that the connection lives.
    pub(crate) fn life_sign() -> Self {
        Self(Bytes::from_static(LIFE_SIGN))
    }

    /// The answer to a ping, with the ping's own payload (RFC 6455 §5.5.3).
    pub(crate) fn pong(payload: &[u8]) -> Self {
        Self::build(PONG, payload.len(), |buffer| {
            buffer.extend_from_slice(payload)
        })
    }

    /// A close frame; without a body where the code may not travel in one.
    pub(crate) fn close(reason: &CloseReason) -> Self {
        Self::build(CLOSE, 2 + reason.reason().len(), |buffer| {
            if reason.is_sendable() {
                buffer.extend_from_slice(&reason.code().to_be_bytes());
                buffer.extend_from_slice(reason.reason().as_bytes());
            }
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// What the frame counts for in a queue: its bytes, and what it takes to keep it there. Frames of
    /// a byte could else fill many times a queue's bound.
    pub(crate) fn cost(&self) -> usize {
        self.len() + COST_OF_KEEPING
    }

    pub(crate) fn bytes(&self) -> Bytes {
        self.0.clone()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Writes the payload behind room for the longest header, then the header right before it:
    /// the length is known only afterwards and the payload is not moved.
    fn build(opcode: u8, about: usize, write_payload: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut buffer = Vec::with_capacity(MAX_HEADER + about);
        buffer.resize(MAX_HEADER, 0);
        write_payload(&mut buffer);
        let length = buffer.len() - MAX_HEADER;

        // RFC 6455 §5.2: the shortest of the three length encodings must be used.
        let mut header = [0; MAX_HEADER];
        header[0] = FIN | opcode;
        let used = if length < 126 {
            header[1] = length as u8;
            2
        } else if let Ok(length) = u16::try_from(length) {
            header[1] = 126;
            header[2..4].copy_from_slice(&length.to_be_bytes());
            4
        } else {
            header[1] = 127;
            header[2..].copy_from_slice(&(length as u64).to_be_bytes());
            MAX_HEADER
        };
        let start = MAX_HEADER - used;
        buffer[start..MAX_HEADER].copy_from_slice(&header[..used]);
        // A short frame may wait for long.
        buffer.shrink_to_fit();
        Self(Bytes::from(buffer).slice(start..))
    }
}

const LIFE_SIGN: &[u8] =
    b"\x81\x49{\"action\":\"__pong\",\"message\":\"\",\"groupId\":\"\",\"userId\":\"\",\"recipients\":[]}";
const FIN: u8 = 0x80;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;
const MAX_HEADER: usize = 10;

/// What the five keys, a few names and recipients take beside the message's text.
const ROOM_FOR_KEYS: usize = 240;

/// The place in a queue and the reference count, in bytes.
pub(crate) const COST_OF_KEEPING: usize = 56;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_length_encoding_is_used() {
        for (length, header) in [
            (0, vec![0x81, 0]),
            (125, vec![0x81, 125]),
            (126, vec![0x81, 126, 0, 126]),
            (65_535, vec![0x81, 126, 255, 255]),
            (65_536, vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let payload = vec![b'x'; length];
            let frame = Frame::text(&payload);
            assert!(frame.as_bytes().starts_with(&header), "{length}");
            assert_eq!(frame.as_bytes()[header.len()..], payload);
        }
    }

    #[test]
    fn a_life_sign_is_a_message_like_any_other() {
        let message = Frame::message(&SocketMessage::new("__pong"));
        assert_eq!(Frame::life_sign().as_bytes(), message.as_bytes());
    }

    #[test]
    fn a_close_without_a_status_has_no_body() {
        assert_eq!(Frame::close(&CloseReason::NO_STATUS).as_bytes(), [0x88, 0]);
        assert_eq!(
            Frame::close(&CloseReason::NORMAL).as_bytes(),
            [0x88, 2, 3, 232]
        );
    }
}
