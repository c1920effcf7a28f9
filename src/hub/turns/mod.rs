//! Whose turn it is with the application: so many pieces of work run at one time, over all services
//! of a hub, and no visitor's own work keeps the others' waiting.
//!
//! Each key has a queue of its own, the queues are served in turn, and a key holds at most half of
//! the places. `queue` is plain state; `turn` waits for it.

mod chain;
mod key;
#[cfg(test)]
mod properties;
mod queue;
mod room;
mod turn;

pub(crate) use self::{
    key::Key,
    turn::{Kept, Turns},
};

/// What kind of work waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// What visitors ask for: it may be refused when there is too much of it.
    Messages,
    /// That a socket has opened or ended, which is told however much else there is to do.
    Events,
}
