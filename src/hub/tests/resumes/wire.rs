//! The client's end of a connection.

use std::{
    io::{self, IoSlice},
    mem,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use parking_lot::Mutex;

use crate::hub::{SharedTransport, Transport};

/// The client's end, as far as bytes have come.
#[derive(Debug, Default)]
pub(super) struct Wire {
    bytes: Mutex<Vec<u8>>,
    is_stalled: AtomicBool,
}

impl Wire {
    pub(super) fn stall(&self, is_stalled: bool) {
        self.is_stalled.store(is_stalled, Relaxed);
    }

    pub(super) fn take(&self) -> Vec<u8> {
        mem::take(&mut self.bytes.lock())
    }
}

impl SharedTransport for Wire {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.is_stalled.load(Relaxed) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut bytes = self.bytes.lock();
        let before = bytes.len();
        slices
            .iter()
            .for_each(|slice| bytes.extend_from_slice(slice));
        Ok(bytes.len() - before)
    }
}

/// The same, for the socket's own task.
pub(super) struct Own<'a>(pub(super) &'a Wire);

impl Transport for Own<'_> {
    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write(slices)
    }

    fn try_flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the payloads of text frames.
pub(super) fn frames(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut frames = Vec::new();
    while let [first, length, rest @ ..] = bytes {
        let (length, rest) = match *length {
            126 => (
                usize::from(u16::from_be_bytes([rest[0], rest[1]])),
                &rest[2..],
            ),
            length => (usize::from(length), rest),
        };
        if *first == 0x81 {
            frames.push(&rest[..length]);
        }
        bytes = &rest[length..];
    }
    frames
}
