//! One message that is kept.

use tokio::time::Instant;

use crate::{frame::Frame, protocol::Recipient};

/// A message that is kept, ready for any socket that missed it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) offset: u64,
    pub(super) tag: u32,
    pub(super) at: Instant,
    /// The frame that the sockets got.
    pub(super) frame: Frame,
    /// The recipients that it excludes.
    pub(super) excludes: Option<Box<[Recipient]>>,
}

impl Entry {
    /// Returns the bytes that the entry counts towards the bound on all streams.
    pub(super) fn cost(&self) -> usize {
        let excludes = self.excludes.iter().flatten();
        let names: usize = excludes.map(|to| COST_OF_EXCLUDE + to.value.len()).sum();
        self.frame.len() + COST_OF_KEEPING + names
    }

    /// Returns the recipients that a message excludes.
    pub(super) fn excludes_of(recipients: &[Recipient]) -> Option<Box<[Recipient]>> {
        let excludes = recipients.iter().filter(|to| to.kind.excludes());
        let excludes: Box<[_]> = excludes.cloned().collect();
        (!excludes.is_empty()).then_some(excludes)
    }
}

/// The entry itself, the reference count of its frame, and room that a ring has to spare.
const COST_OF_KEEPING: usize = 128;

const COST_OF_EXCLUDE: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_takes_no_more_than_it_counts_for() {
        // A ring that has just grown has half as much to spare.
        let entry = size_of::<Entry>();
        assert!(entry * 3 / 2 <= COST_OF_KEEPING, "{entry}");
        assert!(size_of::<Recipient>() <= COST_OF_EXCLUDE);
    }
}
