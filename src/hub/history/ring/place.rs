//! A place in one life of a stream, and whether the messages after it are at hand.

use crate::hub::history::entry::Entry;

/// A place in one life of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::hub::history) struct Place {
    pub(in crate::hub::history) offset: u64,
    pub(in crate::hub::history) tag: u32,
}

/// What a ring knows of what came after a place.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::hub::history) enum Since {
    /// All of it is here, from this index on.
    Whole(usize),
    /// Some of it is gone.
    Gone,
    /// Some of it may never have come here.
    Broken,
    /// No message had this place.
    Unknown,
}

impl Place {
    pub(super) fn of(entry: &Entry) -> Self {
        Self {
            offset: entry.offset,
            tag: entry.tag,
        }
    }
}
