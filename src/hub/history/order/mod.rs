//! What a lane knows of the order that a store says: its sequencer, and who waits for a place in it.

mod order;
mod sent;
mod settling;

pub(super) use self::{
    order::{Found, Order, Told, Waiting},
    sent::Sent,
    settling::Settling,
};
