//! tungstenite behind an in-memory seam: one message under way.

use std::io::{self, ErrorKind, Read, Write};

use tungstenite::{
    Error, Message,
    protocol::{Role, WebSocketConfig, WebSocketContext},
};

use crate::session::{frame_scan::Header, violation::Violation};

/// The state and the buffers of one message, from its first header to its end.
///
/// A control frame outside a message is a message of its own.
#[derive(Debug)]
pub(super) struct Assembly {
    context: Box<WebSocketContext>,
}

impl Assembly {
    /// Starts the message whose first frame has the header `first`.
    pub(super) fn new(first: &Header, max_message_size: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(read_step(first))
            .write_buffer_size(0)
            .max_frame_size(Some(max_message_size.max(MAX_CONTROL_PAYLOAD)))
            .max_message_size(Some(max_message_size));
        Self {
            context: Box::new(WebSocketContext::new(Role::Server, Some(config))),
        }
    }

    /// Shows tungstenite the next part of a frame, which must not reach beyond its end.
    ///
    /// `is_new` says that the header has not been shown yet.
    pub(super) fn show(
        &mut self,
        header: &Header,
        is_new: bool,
        payload: &[u8],
    ) -> Result<Option<Message>, Violation> {
        let mut seam = Seam {
            header: if is_new { header.as_bytes() } else { &[] },
            payload,
        };
        if header.is_control() {
            // A context that has sent a close leaves pings unanswered, and hands on a close frame
            // as it came instead of replacing a forbidden code.
            self.context.close(&mut seam, None)?;
        }
        match self.context.read(&mut seam) {
            Ok(message) => Ok(Some(message)),
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// The longest payload of a control frame, RFC 6455 §5.5.
pub(super) const MAX_CONTROL_PAYLOAD: usize = 125;

/// The most that tungstenite reads, and zeroes beforehand, in one step of a long frame.
const READ_STEP: usize = 4 * 1024;

/// The size of tungstenite's first buffer and of its later steps.
///
/// A short frame gets a buffer of its own size, which then becomes the message. A longer one gets
/// its buffer once its header has been read: as growing at least doubles a buffer, only a frame of
/// more than two steps then gets one that fits. Fragments may come in any size.
fn read_step(first: &Header) -> usize {
    let frame = first.payload_len() + first.as_bytes().len() as u64;
    match usize::try_from(frame) {
        Ok(frame) if first.is_final() && frame <= 2 * READ_STEP => frame,
        _ => READ_STEP,
    }
}

/// The stream below tungstenite: what it may read is at hand, what it writes is dropped.
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
