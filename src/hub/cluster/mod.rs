//! Lets hubs of several processes act as one: a broadcast on one node reaches the sockets of all.
//!
//! ```text
//!  Hub::broadcast ─▶ this node's sockets                               other nodes
//!        └─▶ Node::forward ─▶ outgoing ─▶ link: send ─▶ Outlet ─▶ broker ─▶ …
//!              topic (partition)  numbers, bound
//!
//!  broker ─▶ Inlet ─▶ link: receive ─▶ wire ─▶ state ─▶ effects ─▶ Local::deliver ─▶ this node's sockets
//!                                              ├ ledger: gaps      ├ ClusterEvent ─▶ application
//!                                              ├ roster: nodes     ├ answers ─▶ inquiries
//!                                              ├ syncing: marks    ├ Local::members ─▶ who is here (presence)
//!                                              └ interest:         └ marks, heartbeats ─▶ outgoing
//!                                                partitions
//! ```
//!
//! This node's sockets come first: they have a message before it is queued for the broker, and nothing
//! that a broker does or fails to do holds them up. `state` and all below it is plain and synchronous,
//! with the time as an argument; `bridge` keeps a link open, with a task for each of its halves.
//!
//! Lock order: `state` or `inquiries` first, then `outgoing` or the waiting `news`. None is taken under the
//! hub's lock, and none is held while a socket is served or the application is called. The `news` turn is
//! taken first of all, and held while presence takes events.

mod answer;
mod bridge;
mod cluster;
mod continuity;
mod event;
mod inquiries;
mod ledger;
mod local;
mod membership;
mod news;
mod node;
mod node_id;
mod outgoing;
mod partition;
mod reactions;
mod receipt;
mod state;
mod stats;
mod wire;

#[cfg(all(test, shuttle))]
mod model;

pub use self::{
    answer::ClusterAnswer,
    cluster::Cluster,
    event::{ClusterEvent, GarbageKind},
    node_id::NodeId,
    stats::ClusterStats,
};
pub(super) use self::{
    continuity::{Continuity, Way},
    local::{Local, MemberNews},
    membership::Membership,
    node::Node,
    partition::{Name, partition_of},
    wire::{
        Counts, MemberEntry, MemberReport, MemberVersions, Order, Placed, Question, ReportPart,
        Value,
    },
};
