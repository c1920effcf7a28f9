//! How a message reaches its sockets, once the hub knows which they are.
//!
//! There are two roads: what is for everyone waits once in a log, what is for some waits in the queue
//! of each.
//!
//! ```text
//!                  Hub::broadcast (../broadcast.rs)
//!        encodes the frame once, reserves room in the hub's bound (eviction)
//!                                │
//!            for everyone ───────┴─────── for some, and replies
//!                  │                               │
//!          each shard, under                each recipient
//!           the hub's lock                         │
//!                  │                               │
//!       attached   │   detached                    │
//!      ┌───────────┴───────────┐                   │
//!      ▼                       ▼                   ▼
//!  broadcast_log             queue               queue ◀── what it lacks of the log, first
//!  one entry for             (bounded: overflow says what happens when it is full)
//!  all of them                 │
//!      │  shard/pass           │
//!      ▼                       ▼
//!  shard/flusher: a task of    shard/flusher if the stream is shared and takes more,
//!  the shard, and publishers   else the socket's own task: Outbox::drain
//!  if the log is full            │
//!      │  the socket's queue,    │
//!      ▼  then the batch         ▼
//!  SharedTransport ───▶ the socket ◀─── Transport
//! ```
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
//! socket, so it is not taken under the hub's lock; and no lock but the queue's is held while a socket
//! is written or a task is woken, since both may be system calls.
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
