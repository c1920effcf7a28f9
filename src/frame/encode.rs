//! The frames that a server sends.

use bytes::Bytes;
use tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Control, Data, OpCode},
};

use crate::protocol::{CloseReason, RawMessage, SocketMessage};

/// One complete, unmasked WebSocket frame, header included: encoded once and shared by every
/// socket it is sent to.
#[derive(Clone, Debug)]
pub(crate) struct Frame(Bytes);

impl Frame {
    /// Makes a text frame of a message's JSON.
    pub(crate) fn message(message: &SocketMessage) -> Self {
        let room = message.message.len() + ROOM_FOR_KEYS;
        Self::encode(TEXT, room, |buffer| message.write_to(buffer))
    }

    /// Makes a text frame of ready-made JSON.
    pub(crate) fn text(json: &[u8]) -> Self {
        Self::copy(TEXT, json)
    }

    /// Makes a frame of what an application sends in raw mode.
    pub(crate) fn raw(message: &RawMessage) -> Self {
        let opcode = if message.is_text() { TEXT } else { BINARY };
        Self::copy(opcode, message.as_bytes())
    }

    pub(crate) fn ping() -> Self {
        Self(Bytes::from_static(EMPTY_PING))
    }

    /// Makes a text frame of the message that only says that the connection lives.
    pub(crate) fn life_sign() -> Self {
        Self(Bytes::from_static(LIFE_SIGN))
    }

    /// Makes the answer to a ping, with the ping's own payload (RFC 6455 §5.5.3).
    pub(crate) fn pong(payload: &[u8]) -> Self {
        Self::copy(OpCode::Control(Control::Pong), payload)
    }

    /// Makes a close frame; without a body where the code may not travel in one.
    pub(crate) fn close(reason: &CloseReason) -> Self {
        let room = 2 + reason.reason().len();
        Self::encode(OpCode::Control(Control::Close), room, |buffer| {
            if reason.is_sendable() {
                buffer.extend_from_slice(&reason.code().to_be_bytes());
                buffer.extend_from_slice(reason.reason().as_bytes());
            }
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns what is behind the header.
    pub(crate) fn payload(&self) -> &[u8] {
        // RFC 6455 §5.2: a frame of a server has no mask.
        let header = match self.0.get(1) {
            Some(126) => 4,
            Some(127) => 10,
            _ => 2,
        };
        self.0.get(header..).unwrap_or_default()
    }

    /// Returns what the frame counts for in a queue: its bytes, and what it takes to keep it there.
    /// Otherwise frames of a byte could fill many times a queue's bound.
    pub(crate) fn cost(&self) -> usize {
        self.len() + COST_OF_KEEPING
    }

    pub(crate) fn bytes(&self) -> Bytes {
        self.0.clone()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn copy(opcode: OpCode, payload: &[u8]) -> Self {
        Self::encode(opcode, payload.len(), |buffer| {
            buffer.extend_from_slice(payload);
        })
    }

    /// Writes the payload behind room for the longest header, then the header right before it: the
    /// length is known only afterwards, and the payload is not moved.
    fn encode(opcode: OpCode, room: usize, write_payload: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut buffer = Vec::with_capacity(MAX_HEADER + room);
        buffer.resize(MAX_HEADER, 0);
        write_payload(&mut buffer);
        let length = (buffer.len() - MAX_HEADER) as u64;

        let header = FrameHeader {
            opcode,
            ..FrameHeader::default()
        };
        let start = MAX_HEADER - header.len(length);
        header
            .format(length, &mut &mut buffer[start..MAX_HEADER])
            .expect("there is room for the header");
        // A short frame may wait for long.
        buffer.shrink_to_fit();
        Self(Bytes::from(buffer).slice(start..))
    }
}

/// Returns whether this is a whole close frame of a server. A part of another frame may look like
/// one, until more of it follows.
pub(crate) fn is_close(bytes: &[u8]) -> bool {
    matches!(bytes, [FIRST_OF_CLOSE, length, ..] if bytes.len() == 2 + usize::from(*length))
}

/// A pong without a payload, which may be sent without a ping (RFC 6455 §5.5.3).
pub(crate) const EMPTY_PONG: &[u8] = &[0x8a, 0];

/// The place in a queue and the reference count, in bytes.
pub(crate) const COST_OF_KEEPING: usize = 56;

const EMPTY_PING: &[u8] = &[0x89, 0];

const FIRST_OF_CLOSE: u8 = 0x88;

const LIFE_SIGN: &[u8] =
    b"\x81\x49{\"action\":\"__pong\",\"message\":\"\",\"groupId\":\"\",\"userId\":\"\",\"recipients\":[]}";

const TEXT: OpCode = OpCode::Data(Data::Text);
const BINARY: OpCode = OpCode::Data(Data::Binary);

/// The longest header of a server: two bytes, and a length of eight.
const MAX_HEADER: usize = 10;

/// What the five keys, a few names and recipients take beside the message's text.
const ROOM_FOR_KEYS: usize = 240;

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
            assert_eq!(frame.payload(), payload);
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

    #[test]
    fn what_is_ready_made_is_what_would_be_encoded() {
        let control = |control| Frame::copy(OpCode::Control(control), b"");
        assert_eq!(Frame::ping().as_bytes(), control(Control::Ping).as_bytes());
        assert_eq!(EMPTY_PONG, Frame::pong(b"").as_bytes());
    }

    #[test]
    fn a_close_frame_is_told_from_others() {
        for reason in [CloseReason::SLOW, CloseReason::NO_STATUS] {
            let close = Frame::close(&reason);
            assert!(is_close(close.as_bytes()), "{reason}");
            assert!(!is_close(&close.as_bytes()[1..]), "{reason}");
        }
        let looks_alike = Frame::text(&[FIRST_OF_CLOSE; 300]);
        for other in [Frame::text(b"x"), Frame::ping(), looks_alike] {
            assert!(!is_close(other.as_bytes()));
        }
        assert!(!is_close(&[]));
    }
}
