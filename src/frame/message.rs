//! What frames add up to: events, and the messages that are still arriving.

use std::str;

use bytes::Bytes;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use crate::{
    frame::{error::Violation, header::Incoming, mask::unmask},
    protocol::is_sendable,
};

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

/// What has come of a message, or of a control frame, which is a message of its own.
#[derive(Debug)]
pub(super) struct Partial {
    /// That of the first frame.
    opcode: OpCode,
    payload: Vec<u8>,
    /// How much of a text's payload is known to be UTF-8.
    checked: usize,
}

impl Partial {
    pub(super) fn new(opcode: OpCode) -> Self {
        Self {
            opcode,
            payload: Vec::new(),
            checked: 0,
        }
    }

    /// Returns the length of the payload so far.
    pub(super) fn len(&self) -> usize {
        self.payload.len()
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.payload.capacity()
    }

    /// Adds a part of a frame's payload, which has been taken from the frame.
    ///
    /// Memory is taken as the payload arrives, whatever length was declared: at least doubled, as a
    /// vector grows by itself, but never beyond `most`, what can still come.
    ///
    /// # Errors
    ///
    /// A text is not UTF-8, told as soon as no further byte could make it so.
    pub(super) fn extend(
        &mut self,
        frame: &mut Incoming,
        part: &[u8],
        most: usize,
    ) -> Result<(), Violation> {
        // What a pong holds is of no use.
        if self.opcode == OpCode::Control(Control::Pong) {
            return Ok(());
        }
        let start = self.payload.len();
        if self.payload.capacity() - start < part.len() {
            self.payload.reserve_exact(part.len().max(start.min(most)));
        }
        self.payload.extend_from_slice(part);
        unmask(&mut self.payload[start..], &mut frame.mask);
        if self.opcode != OpCode::Data(Data::Text) {
            return Ok(());
        }
        match str::from_utf8(&self.payload[self.checked..]) {
            Ok(text) => self.checked += text.len(),
            // The rest of a character may follow.
            Err(error) if error.error_len().is_none() => self.checked += error.valid_up_to(),
            Err(_) => return Err(Violation::BadUtf8),
        }
        Ok(())
    }

    /// Ends the message.
    ///
    /// # Errors
    ///
    /// A text ends within a character, or a close frame holds what none may.
    pub(super) fn finish(mut self) -> Result<Event, Violation> {
        self.payload.shrink_to_fit();
        match self.opcode {
            OpCode::Data(Data::Text) if self.checked < self.payload.len() => {
                Err(Violation::BadUtf8)
            }
            OpCode::Data(Data::Text) => Ok(Event::Text(self.payload.into())),
            OpCode::Control(Control::Ping) => Ok(Event::Ping(self.payload.into())),
            OpCode::Control(Control::Pong) => Ok(Event::Pong),
            OpCode::Control(Control::Close) => read_close(&self.payload).map(Event::Close),
            OpCode::Data(_) | OpCode::Control(_) => Ok(Event::Binary(self.payload.into())),
        }
    }
}

/// Reads the body of a close frame (RFC 6455 §5.5.1).
fn read_close(body: &[u8]) -> Result<Option<(u16, String)>, Violation> {
    let (code, reason) = match body {
        [] => return Ok(None),
        [_] => return Err(Violation::Protocol("close frame of one byte")),
        [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
    };
    let reason = str::from_utf8(reason).map_err(|_| Violation::BadUtf8)?;
    if !is_sendable(code) {
        return Err(Violation::Protocol("close code is not allowed"));
    }
    Ok(Some((code, reason.to_owned())))
}
