//! An opening handshake: its checks and answer, and the copy of it that stays.

mod check;
mod hop_by_hop;
mod packed;
mod snapshot;
#[cfg(test)]
mod tests;

pub(crate) use self::check::{check, check_query, check_size};
pub use self::snapshot::Handshake;
