//! Streams that are ordered by a store that all nodes share.
//!
//! ```text
//!  Hub::broadcast ─▶ lane: sequencer ─▶ worker: queue of appends ─▶ store
//!                      ▲   │                     └─ place, or failure ──┐
//!                      │   └ effects ─▶ sockets, ring, other nodes      │
//!                      └────────────────────────────────────────────────┤
//!  other nodes ─▶ cluster ─▶ lane                                       │
//!  missing entries, resuming sockets ─▶ worker: reads ─▶ store ─────────┘
//! ```
//!
//! One task, the worker, appends and does the reads that order depends on, so that entries are appended
//! in the order in which they were published. Queries of the application read the store directly. An
//! answer of the store is applied under the lock of the lane, like a message without a store. The ring of
//! a lane is a cache: it holds the last entries that the sockets got in their order, and ends with the
//! entry that the sequencer delivered last.

mod apply;
mod catching_up;
mod entry;
mod merging;
mod querying;
mod worker;

pub(in crate::hub) use self::entry::message_of;
