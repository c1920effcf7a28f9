//! The frames that a server sends.

use bytes::Bytes;
use tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Control, Data, OpCode},
};

use crate::{
    frame::mark::StreamMark,
    protocol::{CloseReason, RawMessage, SocketMessage},
};

/// One complete, unmasked WebSocket frame, header included: encoded once and shared by every
/// socket it is sent to.
///
/// The mark of a message of a stream stands before the header, behind a byte that begins no frame. So
/// it is shared as well, and a queue pays nothing for it.
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

    /// Makes a text frame of a message of a stream, whose JSON takes about `room` bytes.
    pub(crate) fn marked(
        mark: StreamMark,
        room: usize,
        write_json: impl FnOnce(&mut Vec<u8>),
    ) -> Self {
        Self::encode_behind(Some(mark), TEXT, room, write_json)
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
        self.0.len() - self.start()
    }

    /// Returns which message of which stream this is, if it is one.
    pub(crate) fn mark(&self) -> Option<StreamMark> {
        let (first, rest) = self.0.split_first()?;
        let mark = rest.first_chunk().filter(|_| *first == MARKED)?;
        Some(StreamMark::from_bytes(mark))
    }

    /// Returns what is behind the header.
    pub(crate) fn payload(&self) -> &[u8] {
        let bytes = self.as_bytes();
        // RFC 6455 §5.2: a frame of a server has no mask.
        let header = match bytes.get(1) {
            Some(126) => 4,
            Some(127) => 10,
            _ => 2,
        };
        bytes.get(header..).unwrap_or_default()
    }

    /// Returns what the frame counts for in a queue: its bytes, and what it takes to keep it there.
    /// Otherwise frames of a byte could fill many times a queue's bound.
    pub(crate) fn cost(&self) -> usize {
        self.len() + COST_OF_KEEPING
    }

    pub(crate) fn bytes(&self) -> Bytes {
        self.0.slice(self.start()..)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0[self.start()..]
    }

    /// Returns where the header begins.
    fn start(&self) -> usize {
        match self.0.first() {
            Some(&MARKED) => ROOM_FOR_MARK,
            _ => 0,
        }
    }

    fn copy(opcode: OpCode, payload: &[u8]) -> Self {
        Self::encode(opcode, payload.len(), |buffer| {
            buffer.extend_from_slice(payload);
        })
    }

    fn encode(opcode: OpCode, room: usize, write_payload: impl FnOnce(&mut Vec<u8>)) -> Self {
        Self::encode_behind(None, opcode, room, write_payload)
    }

    /// Writes the payload behind room for the longest header, then the header right before it, and
    /// before that the mark: the length is known only afterwards, and the payload is not moved.
    fn encode_behind(
        mark: Option<StreamMark>,
        opcode: OpCode,
        room: usize,
        write_payload: impl FnOnce(&mut Vec<u8>),
    ) -> Self {
        let before = MAX_HEADER + mark.map_or(0, |_| ROOM_FOR_MARK);
        let mut buffer = Vec::with_capacity(before + room);
        buffer.resize(before, 0);
        write_payload(&mut buffer);
        let length = (buffer.len() - before) as u64;

        let header = FrameHeader {
            opcode,
            ..FrameHeader::default()
        };
        let mut start = before - header.len(length);
        header
            .format(length, &mut &mut buffer[start..before])
            .expect("there is room for the header");
        if let Some(mark) = mark {
            let end = start;
            start -= ROOM_FOR_MARK;
            buffer[start] = MARKED;
            buffer[start + 1..end].copy_from_slice(&mark.to_bytes());
        }
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

/// Says that a mark follows: frames of a server are whole, so each begins with a bit that is set.
const MARKED: u8 = 0;

const ROOM_FOR_MARK: usize = 1 + StreamMark::LENGTH;

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
    fn a_mark_is_no_part_of_the_frame() {
        let mark = StreamMark {
            stream: u64::MAX,
            epoch: 0x81,
            offset: 7,
        };
        for length in [0, 125, 126, 65_536] {
            let payload = vec![b'x'; length];
            let plain = Frame::text(&payload);
            let write = |buffer: &mut Vec<u8>| buffer.extend_from_slice(&payload);
            let marked = Frame::marked(mark, length, write);
            assert_eq!((plain.mark(), marked.mark()), (None, Some(mark)));
            assert_eq!(marked.as_bytes(), plain.as_bytes());
            assert_eq!(marked.bytes(), plain.bytes());
            assert_eq!(marked.payload(), plain.payload());
            assert_eq!((marked.len(), marked.cost()), (plain.len(), plain.cost()));
        }
        assert_eq!(Frame::ping().mark(), None);
        assert_eq!(Frame::close(&CloseReason::NO_STATUS).mark(), None);
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
