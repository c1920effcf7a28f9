//! The place of an entry in its stream, as nodes tell each other.

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        backplane::{Arrival, Topic},
        hub::cluster::{
            node_id::NodeId,
            wire::{Body, Draft, read},
        },
        protocol::Recipient,
    };

    #[test]
    fn the_bytes_of_an_entry_are_part_of_the_protocol() {
        let placed = |previous| Placed {
            epoch: 1,
            offset: 3,
            previous,
            id: 4,
        };
        let topic = Topic::partition(7);
        let recipients = [Recipient::group("chat")];
        for (previous, written) in [(Some(2), 2_u64), (None, u64::MAX)] {
            let mut draft = Draft::entry(topic, &recipients, placed(previous), b"\xffentry");
            draft.stamp(NodeId(1), 2, 3);
            let arrival = Arrival::new(topic, draft.finish(None));
            assert_eq!(arrival.payload[4], 10);
            let numbers = [1, 3, written, 4].map(u64::to_be_bytes).concat();
            let expected = [&numbers[..], b"\x01\x01\x04chat\xffentry"].concat();
            assert_eq!(arrival.payload[39..], expected);
            let Body::Entry {
                recipients: to,
                placed: read,
                entry,
            } = read(&arrival, None).unwrap().body
            else {
                panic!("it is an entry");
            };
            assert_eq!((read, &to[..]), (placed(previous), &recipients[..]));
            assert_eq!(entry, b"\xffentry"[..]);
        }
    }
}
