//! A read of a stream, and the page that answers it.

use bytes::Bytes;

use super::{retention::Retention, stream_key::StreamKey};

/// A request for the entries of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Read {
    /// The stream.
    pub stream: StreamKey,
    /// The epoch and offset after which all entries are wanted. `None` asks for the newest ones.
    pub after: Option<(u64, u64)>,
    /// How many entries may be returned. 0 asks for the top alone.
    pub limit: usize,
    /// How many bytes of entries may be returned.
    pub max_bytes: usize,
    /// How much of the stream is kept.
    pub keep: Retention,
}

impl Read {
    /// Asks for the newest entries: the last `limit` ones, or those of them that fit `max_bytes`.
    #[must_use]
    pub fn newest(stream: StreamKey, limit: usize, max_bytes: usize, keep: Retention) -> Self {
        Self {
            stream,
            after: None,
            limit,
            max_bytes,
            keep,
        }
    }

    /// Asks for all entries after an offset of an epoch, or none if they do not fit both bounds.
    #[must_use]
    pub fn after(self, epoch: u64, offset: u64) -> Self {
        Self {
            after: Some((epoch, offset)),
            ..self
        }
    }
}

/// The answer to a [`Read`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// The epoch of the stream.
    pub epoch: u64,
    /// The offset of the stream's newest entry, even if that is gone by now. In a stream that never had one
    /// it is 0, or that of a placeholder in a store without offset 0.
    pub top: u64,
    /// The id of the entry at the top, 0 if there was none.
    pub top_id: u64,
    /// The id of the entry at the offset that was asked for, 0 of the place before the first entry. A store
    /// that finds out otherwise that the page is not complete need not look; one that does not know the id any
    /// more says `None`, and then no client goes on from that offset: it might never have been there. That
    /// of an entry that has just gone is worth keeping beside the one behind it.
    pub anchor: Option<u64>,
    /// Whether nothing is missing: after an offset, that it is of the stream's epoch, that no later entry was
    /// removed, and that all of them are in `entries`. For the newest entries, whether there are no older
    /// ones.
    pub is_complete: bool,
    /// The entries, the oldest first; after an offset either all of them or none.
    pub entries: Vec<Entry>,
}

impl Page {
    /// Returns a page without entries that is not complete.
    #[must_use]
    pub fn new(epoch: u64, top: u64, top_id: u64) -> Self {
        Self {
            epoch,
            top,
            top_id,
            anchor: None,
            is_complete: false,
            entries: Vec::new(),
        }
    }
}

/// An entry of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Its offset.
    pub offset: u64,
    /// The offset of the entry before it, or 0 if there is none, or that is gone.
    pub previous: u64,
    /// Its id.
    pub id: u64,
    /// The bytes that were appended.
    pub entry: Bytes,
}

impl Entry {
    /// Returns an entry of a stream.
    #[must_use]
    pub fn new(offset: u64, previous: u64, id: u64, entry: Bytes) -> Self {
        Self {
            offset,
            previous,
            id,
            entry,
        }
    }
}
