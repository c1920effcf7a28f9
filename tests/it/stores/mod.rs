//! Stores of histories: what the hub relies on, the same for all.

pub(crate) mod contract;
mod memory;
