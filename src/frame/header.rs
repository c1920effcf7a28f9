//! The boundary of one incoming frame: where its header ends and how long its payload is.

/// The longest header: two bytes, a length of eight bytes, a masking key of four.
const MAX_LEN: usize = 14;

/// One frame header, gathered from as many reads as it takes.
///
/// It says where a frame ends and little else: what a frame means is tungstenite's to judge.
#[derive(Debug, Default)]
pub(super) struct Header {
    bytes: [u8; MAX_LEN],
    len: u8,
}

impl Header {
    /// Takes what the header lacks from the front of `input` and tells whether it is whole.
    pub(super) fn fill(&mut self, input: &mut &[u8]) -> bool {
        loop {
            let missing = self.expected_len() - usize::from(self.len);
            if missing == 0 {
                return true;
            }
            if input.is_empty() {
                return false;
            }
            self.push(input, missing);
        }
    }

    /// Forgets the header, ready for the next frame.
    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    /// The bytes gathered so far.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// The header as it would be if no payload followed, and its length.
    pub(super) fn without_payload(&self) -> ([u8; 6], usize) {
        let mut bytes = [0; 6];
        bytes[..2].copy_from_slice(&[self.bytes[0], self.bytes[1] & 0x80]);
        match self.masking_key() {
            Some(key) => {
                bytes[2..].copy_from_slice(&key);
                (bytes, 6)
            }
            None => (bytes, 2),
        }
    }

    /// Unmasks a part of the payload, which still lacks `wanted` bytes from this part on.
    pub(super) fn unmask(&self, part: &mut [u8], wanted: usize) {
        let Some(mut key) = self.masking_key() else {
            return;
        };
        let offset = self.payload_len().wrapping_sub(wanted as u64);
        key.rotate_left((offset % 4) as usize);
        let both = (u64::from(u32::from_ne_bytes(key)) << 32) | u64::from(u32::from_ne_bytes(key));
        // Eight bytes at a time, which compilers make more of.
        let mut chunks = part.chunks_exact_mut(8);
        for chunk in &mut chunks {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(chunk);
            chunk.copy_from_slice(&(u64::from_ne_bytes(bytes) ^ both).to_ne_bytes());
        }
        let rest = chunks.into_remainder().iter_mut();
        for (byte, key) in rest.zip(key.iter().cycle()) {
            *byte ^= key;
        }
    }

    /// What kind of frame this is, RFC 6455 §5.2.
    pub(super) fn opcode(&self) -> u8 {
        self.bytes[0] & 0x0f
    }

    /// Whether this is the last frame of its message.
    pub(super) fn is_final(&self) -> bool {
        self.bytes[0] & 0x80 != 0
    }

    /// Whether this is a close, a ping, a pong or one of the reserved control frames.
    pub(super) fn is_control(&self) -> bool {
        self.bytes[0] & 0x08 != 0
    }

    /// Whether this is a close frame.
    pub(super) fn is_close(&self) -> bool {
        self.opcode() == 0x8
    }

    /// Whether this frame goes on with a message that an earlier one began.
    pub(super) fn is_continuation(&self) -> bool {
        self.opcode() == 0
    }

    /// The length of the payload as the peer declares it.
    pub(super) fn payload_len(&self) -> u64 {
        match self.length_bytes() {
            0 => u64::from(self.short_length()),
            more => self.bytes[2..2 + more]
                .iter()
                .fold(0, |length, byte| length << 8 | u64::from(*byte)),
        }
    }

    /// Whether the length takes the fewest bytes that can hold it and leaves the top bit clear.
    pub(super) fn is_length_well_formed(&self) -> bool {
        let length = self.payload_len();
        match self.length_bytes() {
            8 => length > u64::from(u16::MAX) && length >> 63 == 0,
            2 => length > 125,
            _ => true,
        }
    }

    fn push(&mut self, input: &mut &[u8], wanted: usize) {
        let (taken, rest) = input.split_at(wanted.min(input.len()));
        let start = usize::from(self.len);
        self.bytes[start..start + taken.len()].copy_from_slice(taken);
        self.len += taken.len() as u8;
        *input = rest;
    }

    /// The length of the whole header, as far as the bytes gathered so far tell it.
    fn expected_len(&self) -> usize {
        if self.len < 2 {
            return 2;
        }
        let masking_key = if self.bytes[1] & 0x80 != 0 { 4 } else { 0 };
        2 + self.length_bytes() + masking_key
    }

    fn masking_key(&self) -> Option<[u8; 4]> {
        let is_masked = self.bytes[1] & 0x80 != 0;
        is_masked.then(|| {
            let mut key = [0; 4];
            let start = 2 + self.length_bytes();
            key.copy_from_slice(&self.bytes[start..start + 4]);
            key
        })
    }

    fn length_bytes(&self) -> usize {
        match self.short_length() {
            126 => 2,
            127 => 8,
            _ => 0,
        }
    }

    fn short_length(&self) -> u8 {
        self.bytes[1] & 0x7f
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(bytes: &[u8]) -> Header {
        let mut header = Header::default();
        let mut input = bytes;
        assert!(header.fill(&mut input));
        assert!(input.is_empty());
        header
    }

    #[test]
    fn every_form_of_length_is_read() {
        for (bytes, payload, well_formed) in [
            (&[0x82, 0x00][..], 0, true),
            (&[0x82, 0x7d], 125, true),
            (&[0x82, 0x7e, 0x00, 0x7d], 125, false),
            (&[0x82, 0x7e, 0x00, 0x7e], 126, true),
            (&[0x82, 0x7e, 0xff, 0xff], 65_535, true),
            (&[0x82, 0x7f, 0, 0, 0, 0, 0, 0, 0xff, 0xff], 65_535, false),
            (&[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0], 65_536, true),
            (&[0x82, 0x7f, 0x40, 0, 0, 0, 0, 0, 0, 0], 1 << 62, true),
            (&[0x82, 0x7f, 0x80, 0, 0, 0, 0, 0, 0, 0], 1 << 63, false),
            (&[0x82, 0x82, 1, 2, 3, 4], 2, true),
            (&[0x82, 0xfe, 0x01, 0x00, 1, 2, 3, 4], 256, true),
        ] {
            let header = whole(bytes);
            assert_eq!(header.payload_len(), payload, "{bytes:02x?}");
            assert_eq!(header.is_length_well_formed(), well_formed, "{bytes:02x?}");
            assert_eq!(header.as_bytes(), bytes);
        }
    }

    #[test]
    fn the_first_byte_tells_the_kind() {
        assert!(whole(&[0x80, 0x00]).is_continuation());
        assert!(whole(&[0x80, 0x00]).is_final());
        assert!(!whole(&[0x02, 0x00]).is_final());
        assert!(!whole(&[0x82, 0x00]).is_control());
        assert!(whole(&[0x89, 0x00]).is_control());
    }

    #[test]
    fn no_byte_beyond_the_header_is_taken() {
        let mut header = Header::default();
        let mut input = &[0x82, 0x82, 1, 2, 3, 4, 0xaa, 0xbb][..];
        assert!(header.fill(&mut input));
        assert_eq!(input, [0xaa, 0xbb]);
    }

    #[test]
    fn a_header_may_come_byte_by_byte() {
        let bytes = [0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4];
        let mut header = Header::default();
        for (index, byte) in bytes.iter().enumerate() {
            let whole = header.fill(&mut std::slice::from_ref(byte));
            assert_eq!(whole, index == bytes.len() - 1);
        }
        assert_eq!(header.payload_len(), 65_536);
    }
}
