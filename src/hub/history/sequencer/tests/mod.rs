//! The rules one by one.

mod doubts;
mod order;
mod setup;
mod voids;
