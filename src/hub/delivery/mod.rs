//! How a broadcast reaches its sockets.

mod broadcast_log;
mod eviction;
mod queue;
mod shard;

pub(crate) use self::queue::{Attention, Backlog, Drained, Kill, Push, SharedTransport, Transport};
#[cfg(test)]
pub(super) use self::shard::TURNS_TO_GATHER;
pub(super) use self::{
    eviction::Eviction,
    queue::{Kind, Outbox, Wake},
    shard::{Member, Membership, Published, Shard, Shards},
};
