//! The opening handshake: its checks, its answer, and the copy that the socket keeps.

mod check;
mod hop_by_hop;
mod packed;
mod snapshot;
#[cfg(test)]
mod tests;

pub(crate) use self::check::{check, check_query, check_size};
pub use self::snapshot::Handshake;
