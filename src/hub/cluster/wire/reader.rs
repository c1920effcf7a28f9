//! Reading of numbers and texts from the front of bytes.

use std::str;

/// What is left to read of a frame. Each method returns `None` if that is too short or not valid.
#[derive(Clone, Copy, Debug)]
pub(in crate::hub::cluster) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(in crate::hub::cluster) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(in crate::hub::cluster) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(in crate::hub::cluster) fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    pub(in crate::hub::cluster) fn u16(&mut self) -> Option<u16> {
        let bytes = self.take(2)?.try_into().ok()?;
        Some(u16::from_be_bytes(bytes))
    }

    pub(in crate::hub::cluster) fn u64(&mut self) -> Option<u64> {
        let bytes = self.take(8)?.try_into().ok()?;
        Some(u64::from_be_bytes(bytes))
    }

    /// Reads a number that was written by [`write_length`].
    pub(in crate::hub::cluster) fn length(&mut self) -> Option<usize> {
        let mut length = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.u8()?;
            length |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                // The shortest form only: a frame has one spelling.
                return (byte != 0 || shift == 0).then_some(length);
            }
        }
        None
    }

    pub(in crate::hub::cluster) fn text(&mut self) -> Option<&'a str> {
        let length = self.length()?;
        str::from_utf8(self.take(length)?).ok()
    }

    pub(in crate::hub::cluster) fn rest(self) -> &'a [u8] {
        self.0
    }

    pub(in crate::hub::cluster) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Writes a number below 2^28 in one to four bytes, seven bits in each, the lowest first.
///
/// # Panics
///
/// If it is larger, which no part of a frame is.
pub(super) fn write_length(buffer: &mut Vec<u8>, mut length: usize) {
    assert!(length < 1 << 28, "no part of a frame is that long");
    while length > 0x7f {
        buffer.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    buffer.push(length as u8);
}

pub(super) fn write_text(buffer: &mut Vec<u8>, text: &str) {
    write_length(buffer, text.len());
    buffer.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_survives_its_bytes_and_has_one_spelling() {
        for length in [0, 1, 127, 128, 300, 16_383, 16_384, 1 << 20, (1 << 28) - 1] {
            let mut buffer = Vec::new();
            write_length(&mut buffer, length);
            let mut reader = Reader::new(&buffer);
            assert_eq!(reader.length(), Some(length));
            assert!(reader.is_empty());
        }
        for bytes in [&[][..], &[0x80], &[0x80, 0], &[0xff, 0xff, 0xff, 0xff, 1]] {
            assert_eq!(Reader::new(bytes).length(), None, "{bytes:?}");
        }
    }
}
