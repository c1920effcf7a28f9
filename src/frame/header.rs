//! Frame headers as clients send them (RFC 6455 §5.2), and the rules that each must keep by itself.

use std::io::Cursor;

use tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Control, Data, OpCode},
};

use crate::frame::error::Violation;

/// A header as it arrives, in as many reads as it takes.
#[derive(Debug, Default)]
pub(super) struct HeaderReader {
    bytes: [u8; MAX_HEADER],
    len: u8,
}

impl HeaderReader {
    /// Takes a header from the front of `input`; none, and all of `input`, while a part is missing.
    pub(super) fn read(&mut self, input: &mut &[u8]) -> Option<Header> {
        let start = usize::from(self.len);
        let taken = input.len().min(MAX_HEADER - start);
        let end = start + taken;
        self.bytes[start..end].copy_from_slice(&input[..taken]);

        // `parse` does not tell the length of a frame with a reserved opcode, which has to be known
        // where frames are passed over: so it is not shown the opcode.
        let mut bytes = self.bytes;
        bytes[0] &= 0xf0;
        let mut cursor = Cursor::new(&bytes[..end]);
        let Ok(Some((mut fields, payload_len))) = FrameHeader::parse(&mut cursor) else {
            self.len = end as u8;
            *input = &input[taken..];
            return None;
        };
        fields.opcode = OpCode::from(self.bytes[0] & 0x0f);
        let len = cursor.position() as usize;
        *input = &input[len - start..];
        Some(Header {
            fields,
            payload_len,
            len,
        })
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// A whole header, right or wrong.
#[derive(Debug)]
pub(super) struct Header {
    fields: FrameHeader,
    payload_len: u64,
    /// The header's own length.
    len: usize,
}

impl Header {
    /// Checks how the length is told.
    ///
    /// # Errors
    ///
    /// The rule that it breaks.
    pub(super) fn check_length(&self) -> Result<(), Violation> {
        let is_control = matches!(self.fields.opcode, OpCode::Control(_));
        let broken = match self.payload_len {
            // RFC 6455 §5.5.
            length if is_control && length > MAX_CONTROL_PAYLOAD => {
                "control frame is longer than 125 bytes"
            }
            // RFC 6455 §5.2: the fewest bytes that hold the length, and its top bit clear.
            length if self.len != self.fields.len(length) || length >> 63 != 0 => {
                "payload length is malformed"
            }
            _ => return Ok(()),
        };
        Err(Violation::Protocol(broken))
    }

    /// Checks all else that can be told of a frame without those before it.
    ///
    /// # Errors
    ///
    /// The first rule that the header breaks.
    pub(super) fn check(&self) -> Result<(), Violation> {
        let fields = &self.fields;
        let broken = match fields.opcode {
            OpCode::Data(Data::Reserved(_)) | OpCode::Control(Control::Reserved(_)) => {
                "opcode is reserved"
            }
            // RFC 6455 §5.1: all that a client sends is masked.
            _ if fields.mask.is_none() => "frame is not masked",
            // RFC 6455 §5.2: no extension was negotiated that would give them a meaning.
            _ if fields.rsv1 || fields.rsv2 || fields.rsv3 => "reserved bits are set",
            // RFC 6455 §5.5.
            OpCode::Control(_) if !fields.is_final => "control frame is fragmented",
            _ => return Ok(()),
        };
        Err(Violation::Protocol(broken))
    }

    /// Returns the frame that begins with this header. A payload that no memory could hold gets the
    /// greatest length.
    pub(super) fn frame(&self) -> Incoming {
        Incoming {
            opcode: self.fields.opcode,
            is_final: self.fields.is_final,
            mask: self.fields.mask.unwrap_or_default(),
            missing: usize::try_from(self.payload_len).unwrap_or(usize::MAX),
        }
    }
}

/// A frame whose payload is being read.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) opcode: OpCode,
    pub(super) is_final: bool,
    /// The masking key, turned to where the rest of the payload begins.
    pub(super) mask: [u8; 4],
    /// How many bytes of the payload have not come.
    pub(super) missing: usize,
}

impl Incoming {
    /// Takes what `input` has of the payload.
    pub(super) fn take<'i>(&mut self, input: &mut &'i [u8]) -> &'i [u8] {
        let (part, rest) = input.split_at(self.missing.min(input.len()));
        *input = rest;
        self.missing -= part.len();
        part
    }

    pub(super) fn is_control(&self) -> bool {
        matches!(self.opcode, OpCode::Control(_))
    }

    pub(super) fn is_close(&self) -> bool {
        self.opcode == OpCode::Control(Control::Close)
    }
}

/// The longest header: two bytes, a length of eight bytes, a masking key of four.
const MAX_HEADER: usize = 14;

const MAX_CONTROL_PAYLOAD: u64 = 125;

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(bytes: &[u8]) -> Header {
        let mut input = bytes;
        let header = HeaderReader::default().read(&mut input);
        assert!(input.is_empty());
        header.expect("it is whole")
    }

    #[test]
    fn every_form_of_length_is_read() {
        for (bytes, payload, well_formed) in [
            (&[0x82, 0x80, 1, 2, 3, 4][..], 0, true),
            (&[0x82, 0xfd, 1, 2, 3, 4], 125, true),
            (&[0x82, 0xfe, 0x00, 0x7d, 1, 2, 3, 4], 125, false),
            (&[0x82, 0xfe, 0x00, 0x7e, 1, 2, 3, 4], 126, true),
            (&[0x82, 0xfe, 0x01, 0x00, 1, 2, 3, 4], 256, true),
            (&[0x82, 0xfe, 0xff, 0xff, 1, 2, 3, 4], 65_535, true),
            (
                &[0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4],
                65_535,
                false,
            ),
            (
                &[0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4],
                65_536,
                true,
            ),
            (
                &[0x82, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4],
                1 << 62,
                true,
            ),
            (
                &[0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4],
                1 << 63,
                false,
            ),
        ] {
            let header = whole(bytes);
            assert_eq!(header.payload_len, payload, "{bytes:02x?}");
            assert_eq!(header.check_length().is_ok(), well_formed, "{bytes:02x?}");
        }
    }

    #[test]
    fn the_first_rule_that_is_broken_is_told() {
        for (bytes, broken) in [
            ([0x83, 0x80], "opcode is reserved"),
            ([0x8b, 0x80], "opcode is reserved"),
            ([0xc1, 0x80], "reserved bits are set"),
            ([0xa1, 0x80], "reserved bits are set"),
            ([0x91, 0x80], "reserved bits are set"),
            ([0x09, 0x80], "control frame is fragmented"),
        ] {
            let header = whole(&[&bytes[..], &[1, 2, 3, 4]].concat());
            assert_eq!(header.check(), Err(Violation::Protocol(broken)));
        }
        let unmasked = whole(&[0x81, 0x00]);
        let broken = Violation::Protocol("frame is not masked");
        assert_eq!(unmasked.check(), Err(broken));
        let long = whole(&[0x89, 0xfe, 0, 126, 1, 2, 3, 4]);
        let broken = Violation::Protocol("control frame is longer than 125 bytes");
        assert_eq!(long.check_length(), Err(broken));
    }

    #[test]
    fn no_byte_beyond_the_header_is_taken() {
        let mut input = &[0x82, 0x82, 1, 2, 3, 4, 0xaa, 0xbb][..];
        let header = HeaderReader::default().read(&mut input);
        assert_eq!(header.map(|header| header.payload_len), Some(2));
        assert_eq!(input, [0xaa, 0xbb]);
    }

    #[test]
    fn a_header_may_come_byte_by_byte() {
        let bytes = [0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4];
        let (last, first) = bytes.split_last().expect("there are some");
        let mut reader = HeaderReader::default();
        for byte in first {
            assert!(reader.read(&mut std::slice::from_ref(byte)).is_none());
        }
        let header = reader.read(&mut std::slice::from_ref(last));
        let header = header.expect("it is whole");
        assert_eq!(header.payload_len, 65_536);
        assert_eq!(header.frame().mask, [1, 2, 3, 4]);
    }
}
