//! The layer's methods that set hooks, one file for each kind.

mod access;
mod cluster;
mod identity;
mod lifecycle;
mod messages;
#[cfg(feature = "upstream")]
mod upstream;
