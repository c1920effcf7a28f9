//! The indexes of the sockets that are connected.

mod bounds;
mod membership;
mod registry;
mod slots;

#[cfg(test)]
mod tests;

pub(super) use self::{
    bounds::{Bounds, Excess},
    membership::Join,
    registry::Registry,
};
