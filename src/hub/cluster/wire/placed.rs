//! Where an entry stands in its stream, as nodes tell each other.

use super::reader::Reader;

/// Where an entry of a stream stands, as its store has said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hub) struct Placed {
    /// 0 if it has no place.
    pub(in crate::hub) epoch: u64,
    pub(in crate::hub) offset: u64,
    /// The offset of the entry before it, if it is known.
    pub(in crate::hub) previous: Option<u64>,
    pub(in crate::hub) id: u64,
}

impl Placed {
    pub(super) fn write(self, buffer: &mut Vec<u8>) {
        let previous = self.previous.unwrap_or(NOT_KNOWN);
        for number in [self.epoch, self.offset, previous, self.id] {
            buffer.extend_from_slice(&number.to_be_bytes());
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            epoch: reader.u64()?,
            offset: reader.u64()?,
            previous: Some(reader.u64()?).filter(|previous| *previous != NOT_KNOWN),
            id: reader.u64()?,
        })
    }
}

/// The bytes of one.
pub(super) const PLACED: usize = 32;

const NOT_KNOWN: u64 = u64::MAX;
