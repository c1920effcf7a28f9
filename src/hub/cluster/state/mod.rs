//! A node's knowledge of its cluster, as plain state: each event is one method call, which returns the
//! effects to carry out.

mod backlog;
mod beats;
mod effect;
mod interest;
mod marks;
mod members;
mod nodes;
mod open_link;
mod roster;
mod stalls;
mod state;
mod syncing;

#[cfg(test)]
mod tests;

pub(super) use self::{effect::Effect, state::State};
