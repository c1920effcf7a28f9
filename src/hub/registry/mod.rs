//! The indexes of the sockets that are connected.

mod interest;
mod journal;
mod membership;
mod name_limits;
mod partitions;
mod registry;
mod slots;
mod steps;

#[cfg(test)]
mod tests;

pub(super) use self::{
    journal::Step,
    membership::Join,
    name_limits::{Excess, NameLimits},
    registry::Registry,
};
