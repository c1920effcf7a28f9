//! The frames of a client, and what a decoder makes of them.

use bytes::Bytes;

use crate::frame::{Decoder, Event, Violation};

pub(super) const LIMIT: usize = 64 * 1024;

pub(super) const CONTINUATION: u8 = 0x0;
pub(super) const TEXT: u8 = 0x1;
pub(super) const BINARY: u8 = 0x2;
pub(super) const CLOSE: u8 = 0x8;
pub(super) const PING: u8 = 0x9;
pub(super) const PONG: u8 = 0xa;
pub(super) const FIN: u8 = 0x80;

/// A masked frame as a client sends it.
pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..=125 => bytes.push(0x80 | short as u8),
        medium @ 126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend((medium as u16).to_be_bytes());
        }
        long => {
            bytes.push(0x80 | 127);
            bytes.extend((long as u64).to_be_bytes());
        }
    }
    bytes.extend(KEY);
    bytes.extend(payload.iter().zip(KEY.iter().cycle()).map(|(b, k)| b ^ k));
    bytes
}

pub(super) fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(FIN | CLOSE, &[&code.to_be_bytes(), reason].concat())
}

pub(super) fn text(content: impl AsRef<[u8]>) -> Event {
    Event::Text(Bytes::copy_from_slice(content.as_ref()))
}

impl Decoder {
    /// Everything that the chunks give, and the violation that ends them, if one does.
    pub(super) fn drain<'a>(
        &mut self,
        chunks: impl IntoIterator<Item = &'a [u8]>,
    ) -> (Vec<Event>, Option<Violation>) {
        let mut events = Vec::new();
        for mut chunk in chunks {
            loop {
                match self.decode(&mut chunk) {
                    Ok(Some(event)) => events.push(event),
                    Ok(None) => break,
                    Err(violation) => return (events, Some(violation)),
                }
            }
            assert!(chunk.is_empty(), "input is left without an event");
        }
        (events, None)
    }
}

pub(super) fn decode_all(bytes: &[u8]) -> (Vec<Event>, Option<Violation>) {
    Decoder::new(LIMIT).drain([bytes])
}
