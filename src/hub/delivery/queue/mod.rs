//! One socket's own queue: what is in it, who may write it, and what happens when it is full.

mod cursor;
mod gate;
mod gating;
mod outbox;
mod overflow;
mod queued;
mod state;
mod transport;

#[cfg(test)]
mod gate_examples;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub(super) use self::overflow::Usage;
pub(in crate::hub) use self::{gate::Awaited, gating::Opening, queued::Kind, state::Wake};
pub(crate) use self::{
    outbox::{Attention, Backlog, Outbox, Push},
    state::{Drained, Kill},
    transport::{SharedTransport, Transport},
};
