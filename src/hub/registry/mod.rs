//! The indexes of the sockets that are connected.

mod interest;
mod membership;
mod name_limits;
mod partitions;
mod registry;
mod slots;

#[cfg(test)]
mod tests;

pub(super) use self::{
    membership::Join,
    name_limits::{Excess, NameLimits},
    registry::Registry,
};
