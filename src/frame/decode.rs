//! The frames that one client sends: bytes in, events out.

use std::mem;

use tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::frame::{
    error::Violation,
    header::{Header, HeaderReader, Incoming},
    message::{Event, Partial},
};

/// Reads the frames that one client sends.
///
/// An idle decoder holds no memory beside itself. Nothing is sent from here: a ping or a close is an
/// event, and the session answers it. After a close frame or a violation the decoder is finished, and
/// ignores all further input.
#[derive(Debug)]
pub(crate) struct Decoder {
    max_message_size: usize,
    frames: u64,
    place: Place,
    /// The message under way.
    message: Option<Box<Partial>>,
    /// The control frame under way, which may stand between the fragments of a message.
    control: Option<Box<Partial>>,
    finished: bool,
}

/// Where in a frame the decoder stands.
#[derive(Debug)]
enum Place {
    Header(HeaderReader),
    Payload(Incoming),
}

impl Default for Place {
    fn default() -> Self {
        Self::Header(HeaderReader::default())
    }
}

impl Decoder {
    /// Starts at the first byte after the handshake.
    ///
    /// The limit, in bytes, holds for each frame and for a message over all its fragments.
    pub(crate) fn new(max_message_size: usize) -> Self {
        Self {
            max_message_size,
            frames: 0,
            place: Place::default(),
            message: None,
            control: None,
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
            self.message = None;
            self.control = None;
        }
        event
    }

    /// Passes over what a client sends after a message that was refused, and returns whether its close
    /// frame came.
    pub(crate) fn skip_to_close(&mut self, input: &mut &[u8]) -> bool {
        loop {
            let mut frame = match mem::take(&mut self.place) {
                Place::Payload(frame) => frame,
                Place::Header(mut header) => match header.read(input) {
                    Some(header) => header.frame(),
                    None => {
                        self.place = Place::Header(header);
                        return false;
                    }
                },
            };
            frame.take(input);
            if frame.missing > 0 {
                self.place = Place::Payload(frame);
                return false;
            }
            if frame.is_close() {
                return true;
            }
        }
    }

    /// Returns the number of complete frames so far, including control frames and fragments.
    pub(crate) fn frames(&self) -> u64 {
        self.frames
    }

    fn read_frames(&mut self, input: &mut &[u8]) -> Result<Option<Event>, Violation> {
        loop {
            let mut frame = match mem::take(&mut self.place) {
                Place::Payload(frame) => frame,
                Place::Header(mut header) => match header.read(input) {
                    Some(header) => self.admit(&header)?,
                    None => {
                        self.place = Place::Header(header);
                        return Ok(None);
                    }
                },
            };
            let wanted = frame.missing;
            let part = frame.take(input);
            let event = self.extend(&mut frame, part, wanted)?;
            if frame.missing > 0 {
                self.place = Place::Payload(frame);
                return Ok(None);
            }
            self.frames += 1;
            if event.is_some() {
                return Ok(event);
            }
        }
    }

    /// Checks a header against the limit, the rules and the frames before it.
    fn admit(&mut self, header: &Header) -> Result<Incoming, Violation> {
        header.check_length()?;
        let frame = header.frame();
        let room = match (frame.opcode, &self.message) {
            (OpCode::Data(Data::Continue), Some(message)) => self.max_message_size - message.len(),
            _ => self.max_message_size,
        };
        if frame.missing > room && !frame.is_control() {
            // Where it ends is known: what follows can still be told apart.
            self.place = Place::Payload(frame);
            return Err(Violation::TooBig);
        }
        header.check()?;
        // RFC 6455 §5.4.
        match (frame.opcode, &self.message) {
            (OpCode::Data(Data::Continue), None) => {
                Err(Violation::Protocol("continuation without a message"))
            }
            (OpCode::Data(Data::Text | Data::Binary), Some(_)) => {
                Err(Violation::Protocol("new message inside a fragmented one"))
            }
            _ => Ok(frame),
        }
    }

    /// Adds a part of a payload, of which `wanted` bytes had not come, to its message; an event where
    /// that is complete.
    fn extend(
        &mut self,
        frame: &mut Incoming,
        part: &[u8],
        wanted: usize,
    ) -> Result<Option<Event>, Violation> {
        let is_complete = frame.is_final && frame.missing == 0;
        let begun = if frame.is_control() {
            &mut self.control
        } else {
            &mut self.message
        };
        if is_complete && begun.is_none() {
            // Whole at once, as most are: no memory but its own.
            let mut message = Partial::new(frame.opcode);
            message.extend(frame, part, wanted)?;
            return message.finish().map(Some);
        }
        let message = begun.get_or_insert_with(|| Box::new(Partial::new(frame.opcode)));
        let most = if frame.is_final {
            wanted
        } else {
            self.max_message_size - message.len()
        };
        message.extend(frame, part, most)?;
        let complete = begun.take_if(|_| is_complete);
        complete.map(|message| message.finish()).transpose()
    }
}

/// What tests look at beside the events.
#[cfg(test)]
impl Decoder {
    /// Whether no frame and no message is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.holds_nothing() && matches!(&self.place, Place::Header(header) if header.is_empty())
    }

    pub(super) fn holds_nothing(&self) -> bool {
        self.message.is_none() && self.control.is_none()
    }

    pub(super) fn capacity(&self) -> usize {
        self.message.as_ref().map_or(0, |it| it.capacity())
    }
}
