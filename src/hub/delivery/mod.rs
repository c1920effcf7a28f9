//! How a message reaches its sockets, once the hub knows which they are.
//!
//! There are two roads: what is for everyone waits once in a log, what is for some waits in the queue
//! of each.
//!
//! ```text
//!                  Hub::broadcast (../broadcast.rs): one frame,
//!                  room reserved in the hub's bound (eviction)
//!                                      │
//!                 for everyone ◀───────┴───────▶ for some
//!                      │                             │
//!             the sockets of each shard     registry: which sockets
//!             attached      detached                 │
//!                 │             │                    │
//!                 ▼             └─────────┐          │
//!           broadcast_log                 ▼          ▼
//!        one entry for all             queue of each socket
//!      of a shard's sockets           bounded (queue/overflow)
//!                 │                            │
//!                 ▼                            ▼
//!        shard/pass: by the           by the shard's flusher; by the
//!        shard's flusher, or          socket's own task if the stream
//!        by publishers while          takes no more, or is not for
//!        the log is full              flushers
//!                 │                            │
//!                 └──────────────┬─────────────┘
//!                                ▼
//!      a write: the socket's queue first, then what it lacks of the log
//!                                │
//!                    Transport ──┴──▶ the socket
//! ```
//!
//! A frame for some follows what is for everyone: what the socket still lacks of the log is moved into
//! its queue before the frame is.
//!
//! Where a socket stands is told in three places, and each moves by itself:
//!
//! ```text
//!  registry   Pending ──activate──▶ Active ──deactivate──▶ Removed
//!             upgrade under way     selected by broadcasts  never selected again
//!
//!  shard      detached ──attach──▶ attached       while Active. A socket enters detached. It is
//!             detached ◀──detach── attached       attached once its stream is open, detached when
//!                                                 the stream takes no more, and attached again
//!                                                 when its own queue is written
//!
//!  queue      Open ──close, overflow──▶ Closing ──finish──▶ Finished
//!             takes messages            close frame queued   session over
//! ```
//!
//! Locks are taken in this order and never the other way: a socket's queue, then its shard; the hub's
//! lock, then the list of shards, then a shard. A queue's lock may be held during a write to its
//! socket, so it is not taken under the hub's lock. Writes and wakes may be system calls: neither happens
//! under the lock of the hub, of the list of shards or of a shard.
//!
//! Nothing here knows of users or groups, or of the hub: a socket is a [`Member`], which the hub's
//! entry implements. The shard owns its members, and a member refers to its shard weakly.

mod broadcast_log;
mod eviction;
mod queue;
mod shard;

pub(crate) use self::queue::{Attention, Backlog, Drained, Kill, Push, SharedTransport, Transport};
#[cfg(test)]
pub(super) use self::shard::TURNS_TO_GATHER;
pub(super) use self::{
    eviction::Eviction,
    queue::{Kind, Outbox, Wake},
    shard::{Member, Membership, Published, Shard, Shards},
};
