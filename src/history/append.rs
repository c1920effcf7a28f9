//! An entry to append to a stream, and the place that it got.

use bytes::Bytes;

use super::{retention::Retention, stream_key::StreamKey};

/// An entry to be added at the end of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Append {
    /// The stream.
    pub stream: StreamKey,
    /// The entry's random id, by which nodes recognize it.
    pub id: u64,
    /// The bytes to keep; they are returned unchanged.
    pub entry: Bytes,
    /// How much of the stream is kept.
    pub keep: Retention,
}

impl Append {
    /// Returns an entry for a stream.
    #[must_use]
    pub fn new(stream: StreamKey, id: u64, entry: Bytes, keep: Retention) -> Self {
        Self {
            stream,
            id,
            entry,
            keep,
        }
    }
}

/// The place of an entry that was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Appended {
    /// The random id of one life of the stream; offsets of different epochs cannot be compared. It is never
    /// 0, and a new epoch begins when confirmed entries may have been lost.
    pub epoch: u64,
    /// Where the entry stands: greater than every earlier offset of this epoch, though not always by one. It
    /// is never 0.
    pub offset: u64,
    /// The offset of the entry before it in the stream, or 0 if it is the first. `None` if the store does
    /// not know, so that nodes have to read.
    pub previous: Option<u64>,
}

impl Appended {
    /// Returns the place of an entry.
    #[must_use]
    pub fn new(epoch: u64, offset: u64, previous: Option<u64>) -> Self {
        Self {
            epoch,
            offset,
            previous,
        }
    }
}
