//! The sockets that are connected: their identities and groups, and how messages reach them.

mod attending;
mod broadcast;
mod charge;
mod closing;
mod cluster;
mod clustering;
mod connection_limits;
mod counters;
mod delivery;
mod dispatching;
mod entering;
mod handshake_rate;
mod history;
mod hooks;
mod hub;
mod identity;
mod log_limit;
mod occupation;
mod phase;
mod presence;
mod recall;
mod registration;
mod registry;
mod reidentify;
mod replacing;
mod resuming;
mod retry;
mod sharing;
mod shutdown;
mod socket_entry;
mod socket_error;
mod stats;
mod token_bucket;
mod token_buckets;
mod turns;
mod user_rates;
mod work;

#[cfg(all(test, shuttle))]
mod model;

#[cfg(test)]
mod tests;

pub(crate) use self::{
    charge::Charge,
    connection_limits::{Client, ConnectionPermit, Limit, LimitReached},
    counters::Counters,
    delivery::{Attention, Backlog, Drained, Kill, Push, SharedTransport, Transport},
    handshake_rate::TooManyHandshakes,
    history::Asked,
    identity::Principal,
    log_limit::LogLimit,
    phase::ShuttingDown,
    presence::MAX_WATCHES,
    registration::{RegisterError, Registration},
    socket_entry::SocketEntry,
    token_buckets::TokenBuckets,
    turns::{Key, Lane, Turn, Turns},
    user_rates::UserRate,
    work::Part,
};
pub use self::{
    cluster::{Cluster, ClusterAnswer, ClusterEvent, ClusterStats, GarbageKind, NodeId},
    history::{
        HistoryMessage, HistoryPage, HistoryQueryError, HistoryQueryErrorKind, HistoryStats,
    },
    hub::Hub,
    identity::{Identity, User},
    presence::{Presence, PresenceCause, PresenceChange, PresenceMember, PresenceStats},
    recall::HistoryQuery,
    shutdown::ShutdownReport,
    socket_error::{SocketError, SocketErrorKind},
    stats::Stats,
};
