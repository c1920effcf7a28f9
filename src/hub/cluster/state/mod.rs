//! What a node knows of its cluster: plain state, of which one method is called for all that happens,
//! and returns what is to be done.

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
