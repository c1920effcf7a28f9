//! The opening handshake: its checks, its answer, and the copy that the socket keeps.

mod check;
mod header_pool;
mod hop_by_hop;
mod packed;
mod positions;
mod snapshot;
#[cfg(test)]
mod tests;

pub use self::snapshot::Handshake;
pub(crate) use self::{
    check::{check, check_query, check_size},
    header_pool::HeaderPool,
};
