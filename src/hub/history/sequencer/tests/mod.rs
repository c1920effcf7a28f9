//! The rules one by one.

mod order;
mod setup;
mod voids;
