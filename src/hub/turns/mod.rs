//! Turns at the application: so many pieces of work run at one time, over all services of a hub, and the
//! work of one client does not keep that of others waiting.
//!
//! Each key has a queue of its own, the queues are served in turn, and a key holds at most half of
//! the places. `queue` is plain state; `turn` waits for it.

mod chain;
mod key;
mod lane;
mod queue;
mod room;
mod turn;

#[cfg(test)]
mod properties;

pub(crate) use self::{
    key::Key,
    lane::Lane,
    turn::{Kept, Turn, Turns},
};
