//! The shards: whose sockets take broadcasts to all from one log, and the flushers that write it.

mod flusher;
mod pass;
mod shard;
mod shards;

#[cfg(test)]
pub(in crate::hub) use self::flusher::TURNS_TO_GATHER;
pub(in crate::hub) use self::{
    shard::{Member, Published, Shard},
    shards::{Membership, Shards},
};
