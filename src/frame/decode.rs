//! The incoming half of a connection: bytes in, events out.
//!
//! tungstenite judges. It is shown one frame at a time and exists only while a message is under way,
//! so that an idle socket holds no buffer. Nothing is sent from here: pings and closes are events,
//! and their answers are the session's.

use bytes::Bytes;
use tungstenite::Message;

use crate::{
    frame::{
        assembly::{Assembly, MAX_CONTROL_PAYLOAD},
        error::Violation,
        header::Header,
    },
    protocol::is_sendable,
};

/// A reader of the frames that one client sends.
///
/// After a close frame or a violation it is finished and ignores all further input.
#[derive(Debug)]
pub(crate) struct Decoder {
    max_message_size: usize,
    frames: u64,
    header: Header,
    /// What the current frame's payload still lacks; none while its header is being read.
    payload_left: Option<usize>,
    assembly: Option<Box<Assembly>>,
    finished: bool,
}

/// What a client sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A whole text message, valid UTF-8.
    Text(Bytes),
    /// A whole binary message.
    Binary(Bytes),
    /// A ping, which wants a pong with the same payload.
    Ping(Bytes),
    /// A pong, asked for or not.
    Pong,
    /// A close frame: the code and reason, where it has them.
    Close(Option<(u16, String)>),
}

impl Decoder {
    /// Starts at the first byte after the handshake.
    ///
    /// The limit, in bytes, holds for each frame and for a message over all its fragments.
    pub(crate) fn new(max_message_size: usize) -> Self {
        Self {
            max_message_size,
            frames: 0,
            header: Header::default(),
            payload_left: None,
            assembly: None,
            finished: false,
        }
    }

    /// Reads `input` up to the end of the frame that completes the next event.
    ///
    /// `None` says that the input is used up before that; a frame begun goes on with the next call.
    ///
    /// # Errors
    ///
    /// The client broke the protocol or a limit: the connection has to be failed.
    pub(crate) fn decode(&mut self, input: &mut &[u8]) -> Result<Option<Event>, Violation> {
        if self.finished {
            *input = &[];
            return Ok(None);
        }
        let event = self.read_frames(input);
        if matches!(event, Err(_) | Ok(Some(Event::Close(_)))) {
            self.finished = true;
            self.assembly = None;
        }
        event
    }

    /// Passes over what a client sends after something that it should not have sent, as long as its
    /// frames can be told apart, and tells whether its close frame came.
    pub(crate) fn skip_to_close(&mut self, input: &mut &[u8]) -> bool {
        loop {
            let wanted = match self.payload_left {
                Some(wanted) => wanted,
                None if self.header.fill(input) => {
                    usize::try_from(self.header.payload_len()).unwrap_or(usize::MAX)
                }
                None => return false,
            };
            let skipped = wanted.min(input.len());
            *input = &input[skipped..];
            if skipped < wanted {
                self.payload_left = Some(wanted - skipped);
                return false;
            }
            let is_close = self.header.is_close();
            self.header.clear();
            self.payload_left = None;
            if is_close {
                return true;
            }
        }
    }

    /// The number of complete frames so far, control frames and fragments included.
    pub(crate) fn frames(&self) -> u64 {
        self.frames
    }

    fn read_frames(&mut self, input: &mut &[u8]) -> Result<Option<Event>, Violation> {
        loop {
            let is_new = self.payload_left.is_none();
            let wanted = match self.payload_left {
                Some(wanted) => wanted,
                None if self.header.fill(input) => self.admit_frame()?,
                None => return Ok(None),
            };
            let (payload, rest) = input.split_at(wanted.min(input.len()));
            *input = rest;

            let header = &self.header;
            let assembly = self
                .assembly
                .get_or_insert_with(|| Box::new(Assembly::new()));
            let control = if header.is_control() {
                assembly.control(header, is_new, payload)?
            } else {
                if is_new {
                    assembly.begin(header)?;
                }
                let room = self.max_message_size - assembly.len();
                assembly.extend(header, payload, wanted, room)?;
                None
            };
            if payload.len() < wanted {
                self.payload_left = Some(wanted - payload.len());
                return Ok(None);
            }
            if let Some(event) = self.end_frame(control)? {
                return Ok(Some(event));
            }
        }
    }

    /// Judges what tungstenite judges late or not at all, and tells the payload's length.
    fn admit_frame(&self) -> Result<usize, Violation> {
        let is_control = self.header.is_control();
        let length = self.header.payload_len();
        // RFC 6455 §5.5: before the size limit, which would be a matter of 1009.
        if is_control && length > MAX_CONTROL_PAYLOAD as u64 {
            return Err(Violation::Protocol(
                "control frame is longer than 125 bytes",
            ));
        }
        // RFC 6455 §5.2: the minimal number of bytes, the most significant bit 0.
        if !self.header.is_length_well_formed() {
            return Err(Violation::Protocol("payload length is malformed"));
        }
        let room = match &self.assembly {
            _ if is_control => MAX_CONTROL_PAYLOAD,
            Some(assembly) if self.header.is_continuation() => {
                self.max_message_size - assembly.len()
            }
            _ => self.max_message_size,
        };
        match usize::try_from(length) {
            Ok(length) if length <= room => Ok(length),
            _ => Err(Violation::TooBig),
        }
    }

    /// Notes the end of a frame and what it completed, if anything.
    fn end_frame(&mut self, control: Option<Message>) -> Result<Option<Event>, Violation> {
        let completes_message = self.header.is_final() && !self.header.is_control();
        self.header.clear();
        self.payload_left = None;

        let is_over = |assembly: &mut Box<Assembly>| completes_message || !assembly.is_under_way();
        let event = match (self.assembly.take_if(is_over), control) {
            (_, Some(message)) => Some(control_event(message)?),
            (Some(assembly), None) if completes_message => match assembly.finish()? {
                (true, text) => Some(Event::Text(text.into())),
                (false, binary) => Some(Event::Binary(binary.into())),
            },
            _ => None,
        };
        self.frames += 1;
        Ok(event)
    }
}

fn control_event(message: Message) -> Result<Event, Violation> {
    match message {
        // Copied, because it would keep tungstenite's buffer alive.
        Message::Ping(payload) => Ok(Event::Ping(Bytes::copy_from_slice(&payload))),
        Message::Pong(_) => Ok(Event::Pong),
        Message::Close(None) => Ok(Event::Close(None)),
        Message::Close(Some(frame)) => match u16::from(frame.code) {
            code if is_sendable(code) => {
                Ok(Event::Close(Some((code, frame.reason.as_str().to_owned()))))
            }
            _ => Err(Violation::Protocol("close code is not allowed")),
        },
        Message::Text(_) | Message::Binary(_) | Message::Frame(_) => {
            Err(Violation::Protocol("frame cannot be read"))
        }
    }
}

/// What tests look at beside the events.
#[cfg(test)]
impl Decoder {
    /// Whether no frame and no message is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.holds_nothing() && self.header.as_bytes().is_empty()
    }

    pub(super) fn holds_nothing(&self) -> bool {
        self.assembly.is_none()
    }

    pub(super) fn capacity(&self) -> usize {
        self.assembly.as_ref().map_or(0, |it| it.capacity())
    }
}
