//! Delivers a message to its sockets, once the hub knows which they are.
//!
//! A broadcast to all waits once, in the log, for the sockets that are attached to it. Any other frame
//! waits in the queue of each socket that is to get it.
//!
//! ```text
//!     Hub::broadcast (../broadcast.rs)                      Hub::push: a reply
//!      to all                to some                                │
//!           │                   │                                   │
//!    frame encoded,     registry: which sockets;                    │
//!    room made in the   frame encoded                               │
//!    hub (eviction)             │                                   │
//!    and in the log             │                                   │
//!    (fanout/turn)              │                                   │
//!           │                   │                                   │
//!    the active sockets         │                                   │
//!    attached   detached        │                                   │
//!        │          └───────────┴──────────────┬────────────────────┘
//!        │                                     │  for each socket: room made (eviction),
//!        │                                     │  bound kept (queue/overflow)
//!        ▼                                     ▼
//!  broadcast_log ── what the socket lacks ──▶ queue ◀── pings, pongs, life signs, close frame
//!  one entry for    of it, when it is         of each
//!  all attached     detached, leaves or       socket
//!  sockets          gets a frame of its own
//! ```
//!
//! The arrow from the log to the queue keeps the order, since a queue is written before the log. What it
//! moves was accepted already, so the overflow policy is not asked.
//!
//! The log is written batch by batch (`batch`). Sockets stand in rows (`fanout/row`), and all flushers,
//! one for each worker thread of each runtime, take turns at the rows until each has had the batch; then
//! the next one begins for all. A flusher has its own part of the rows to begin with, and goes on with
//! what others have left, so none waits for one whose thread is busy.
//!
//! | writer | writes | through |
//! |---|---|---|
//! | flushers | the log (`fanout/turn`), and queues of open sockets | [`SharedTransport`] |
//! | publishers, while the log is full | the log (`fanout/turn`) | [`SharedTransport`] |
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
//!  fan-out    detached ──attach──▶ attached ──leave──▶ leaving ──depart──▶ gone
//!                ▲─────detach─────────┘
//!             While Active. A socket enters detached. It is attached once flushers may write to its
//!             stream, detached when the stream takes no more or the last flusher ends, and attached
//!             again when its own queue is written. One that is `leaving` has a number: what the log had
//!             before it is kept until the socket has what it lacks. A socket that is detached, or
//!             leaves while the log is empty, is gone at once.
//!
//!  queue      Open ──close, overflow──▶ Closing ──finish──▶ Finished
//!             takes messages            close frame queued   session over
//!                ▲     └──── finish: the connection ended ──────▲
//!                │ open, or too much waits
//!              Gated: messages wait in it for what the client missed before. The socket stays detached.
//! ```
//!
//! Locks are taken in this order and never the other way: a socket's queue, then the fan-out; the hub's
//! lock, then the fan-out. A queue's lock may be held during a write to its socket, so it is not taken
//! under the hub's lock. Writes and wakes may be system calls: neither happens under the lock of the hub or
//! of the fan-out, and no batch is dropped there, which may wake a shutdown.
//!
//! Nothing here knows of users or groups, or of the hub: a socket is a [`Member`], which the hub's
//! entry implements.

mod batch;
mod broadcast_log;
mod eviction;
mod fanout;
mod queue;

#[cfg(test)]
pub(super) use self::fanout::TURNS_TO_GATHER;
pub(crate) use self::queue::{Attention, Backlog, Drained, Kill, Push, SharedTransport, Transport};
pub(super) use self::{
    eviction::Eviction,
    fanout::{Crew, Fanout, Member, Membership, Published},
    queue::{Awaited, Kind, Opening, Outbox, Wake},
};
