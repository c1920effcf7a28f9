//! How a message reaches its sockets, once the hub knows which they are.
//!
//! A broadcast to all waits once in the log of each shard, for the sockets that are attached to
//! it. Any other frame waits in the queue of each socket that is to get it.
//!
//! ```text
//!     Hub::broadcast (../broadcast.rs)                      Hub::push: a reply
//!      to all                to some                                │
//!           │                   │                                   │
//!    frame encoded,     registry: which sockets;                    │
//!    room made          frame encoded                               │
//!    (eviction)                 │                                   │
//!           │                   │                                   │
//!    the sockets of each shard  │                                   │
//!    attached   detached        │                                   │
//!        │          └───────────┴──────────────┬────────────────────┘
//!        │                                     │  for each socket: room made (eviction),
//!        │                                     │  bound kept (queue/overflow)
//!        ▼                                     ▼
//!  broadcast_log ── what the socket lacks ──▶ queue ◀── pings, pongs, life signs, close frame
//!  one entry for    of it, when it is         of each
//!  all attached     detached, leaves or       socket
//!  sockets of the   gets a frame of its own
//!  shard
//! ```
//!
//! The arrow from the log to the queue keeps the order, since a queue is written before the log. What it
//! moves was accepted already, so the overflow policy is not asked.
//!
//! | writer | writes | through |
//! |---|---|---|
//! | the shard's flusher | the log (`shard/pass`), and queues of open sockets | [`SharedTransport`] |
//! | publishers, while the log is full | the log (`shard/pass`) | [`SharedTransport`] |
//! | a publisher or an eviction that finds a queue full | that queue | [`SharedTransport`] |
//! | the socket's own task | heartbeats and the close frame; the whole queue if the stream took no more or is not for flushers | [`Transport`] |
//!
//! Where a socket stands is told in three places, and each moves by itself:
//!
//! ```text
//!  registry   Pending ──activate──▶ Active ──deactivate──▶ Removed
//!             upgrade under way     selected by broadcasts  never selected again
//!                └─────────────── deactivate ─────────────────▲
//!
//!  shard      detached ──attach──▶ attached ──leave──▶ leaving ──depart──▶ gone
//!                ▲─────detach─────────┘
//!             While Active. A socket enters detached. It is attached once flushers may write to its
//!             stream, detached when the stream takes no more or the flusher ends, and attached again
//!             when its own queue is written. `leaving` keeps a clone of the log until the socket has
//!             what it lacks. A socket that lacks nothing, or is detached, leaves at once.
//!
//!  queue      Open ──close, overflow──▶ Closing ──finish──▶ Finished
//!             takes messages            close frame queued   session over
//!                └────────── finish: the connection ended ──────▲
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
