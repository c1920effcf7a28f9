//! A lane's order when a store gives it: the sequencer, and the callers and sockets that wait for it.

mod order;
mod sent;
mod settling;

pub(super) use self::{
    order::{Found, Order, Told, Waiting},
    sent::Sent,
    settling::Settling,
};
