//! One message under way: tungstenite judges its frames, the payload is gathered here.

use std::{
    io::{self, ErrorKind, Read, Write},
    str,
};

use tungstenite::{
    Error, Message,
    protocol::{Role, WebSocketConfig, WebSocketContext},
};

use crate::frame::{error::Violation, header::Header};

/// The state and the buffer of one message, from its first header to its end.
///
/// tungstenite sees control frames as they are, and of data frames the headers, as if there were no
/// payload: it would make room for all that a header declares, copy each fragment twice, and check
/// text at the end of a frame only.
///
/// A control frame outside a message is a message of its own.
#[derive(Debug)]
pub(super) struct Assembly {
    /// Behind an in-memory seam.
    context: WebSocketContext,
    /// What the message is, once one began.
    opcode: Option<u8>,
    payload: Vec<u8>,
    /// How much of a text's payload is known to be UTF-8.
    checked: usize,
}

impl Assembly {
    pub(super) fn new() -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(0)
            .write_buffer_size(0)
            .max_frame_size(Some(MAX_CONTROL_PAYLOAD));
        Self {
            context: WebSocketContext::new(Role::Server, Some(config)),
            opcode: None,
            payload: Vec::new(),
            checked: 0,
        }
    }

    /// Whether a message began and is not complete.
    pub(super) fn is_under_way(&self) -> bool {
        self.opcode.is_some()
    }

    /// The length of the message so far.
    pub(super) fn len(&self) -> usize {
        self.payload.len()
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.payload.capacity()
    }

    /// Judges a data frame by its header.
    pub(super) fn begin(&mut self, header: &Header) -> Result<(), Violation> {
        let (bytes, length) = header.without_payload();
        self.show(&bytes[..length], &[])?;
        self.opcode.get_or_insert(header.opcode());
        Ok(())
    }

    /// Takes the next part of a data frame, whose payload still lacks `wanted` bytes.
    ///
    /// `room` is how much longer the message may become.
    pub(super) fn extend(
        &mut self,
        header: &Header,
        part: &[u8],
        wanted: usize,
        room: usize,
    ) -> Result<(), Violation> {
        let start = self.payload.len();
        if self.payload.capacity() - start < part.len() {
            // At least doubled, as a vector grows by itself, but never beyond what can still come.
            let most = if header.is_final() { wanted } else { room };
            self.payload.reserve_exact(part.len().max(start.min(most)));
        }
        self.payload.extend_from_slice(part);
        header.unmask(&mut self.payload[start..], wanted);
        if self.opcode != Some(TEXT) {
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

    /// Ends the message: whether it is text, and what it holds.
    pub(super) fn finish(mut self) -> Result<(bool, Vec<u8>), Violation> {
        let is_text = self.opcode == Some(TEXT);
        if is_text && self.checked < self.payload.len() {
            return Err(Violation::BadUtf8);
        }
        self.payload.shrink_to_fit();
        Ok((is_text, self.payload))
    }

    /// Takes the next part of a control frame, which must not reach beyond its end.
    ///
    /// `is_new` says that the header has not been shown yet.
    pub(super) fn control(
        &mut self,
        header: &Header,
        is_new: bool,
        payload: &[u8],
    ) -> Result<Option<Message>, Violation> {
        // A context that has sent a close leaves pings unanswered, and hands on a close frame as it
        // came instead of replacing a forbidden code.
        self.context.close(&mut Seam::default(), None)?;
        self.show(if is_new { header.as_bytes() } else { &[] }, payload)
    }

    fn show(&mut self, header: &[u8], payload: &[u8]) -> Result<Option<Message>, Violation> {
        match self.context.read(&mut Seam { header, payload }) {
            Ok(message) => Ok(Some(message)),
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// The longest payload of a control frame, RFC 6455 §5.5.
pub(super) const MAX_CONTROL_PAYLOAD: usize = 125;

const TEXT: u8 = 0x1;

/// The stream below tungstenite: what it may read is at hand, what it writes is dropped.
#[derive(Default)]
struct Seam<'a> {
    header: &'a [u8],
    payload: &'a [u8],
}

impl Read for Seam<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        // The header comes alone: tungstenite reserves a payload's length beyond what it has read.
        let source = if self.header.is_empty() {
            &mut self.payload
        } else {
            &mut self.header
        };
        match source.read(buf)? {
            0 => Err(ErrorKind::WouldBlock.into()),
            read => Ok(read),
        }
    }
}

impl Write for Seam<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
