//! Streams that have a rule: the order of their messages, and which of them are kept.
//!
//! ```text
//!     Hub::broadcast ─▶ stream_of ─▶ rules ─ no rule ─▶ sockets
//!                                      │
//!                                    streams: the lane of the stream
//!                                      │
//!                     lane locked ┌────┴───────────────────────────┐
//!                                 │ the next offset, the position  │
//!                                 │ the frame that carries it      │
//!                                 │ ring: kept for resuming sockets│
//!                                 │ the sockets' queues have it    │
//!                                 └────┬───────────────────────────┘
//!                                      └─▶ other nodes: the plain message
//! ```
//!
//! A lane is locked from the moment when a message gets its offset until the queues of all sockets have
//! it, so each socket gets the messages of a stream in the order of their offsets, and a reader of a
//! lane knows that each socket has what the ring holds, at least in its queue. A socket that resumes is
//! selected by broadcasts before it reads, with its gate shut: what is not in the ring then waits for it
//! behind the gate. One that is open and enters a stream is selected before it is told, under the lane's
//! lock, where the ring ends: all up to there is older or in its queue, and all behind comes later.
//!
//! Locks are taken in this order: a lane, then those of a broadcast (the hub's, queues, the fan-out). The
//! map of lanes is locked for a moment only, and a lane under it only if it is free. A log that is full
//! may hold up a lane for 100 ms, which its other publishers would have to wait for anyway.

mod catch_up;
mod entering;
mod entry;
mod error;
mod lane;
mod order;
mod page;
mod query;
mod reader;
mod resume;
mod ring;
mod rules;
mod sequencer;
mod shared;
mod stats;
mod store;
mod streams;
mod upkeep;

pub(crate) use self::resume::Asked;
pub(in crate::hub) use self::{
    catch_up::{CatchUp, Lost},
    resume::Resume,
    shared::message_of,
    store::Sockets,
    streams::{Kept, Streams},
};
pub use self::{
    error::{HistoryQueryError, HistoryQueryErrorKind},
    page::{HistoryMessage, HistoryPage},
    stats::HistoryStats,
};
