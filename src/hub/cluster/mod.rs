//! How hubs of several processes act as one: what is published on one node reaches the sockets of all.
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
//! Locks: `state` or that of `inquiries`, then that of `outgoing` or of the `news` that wait. Neither is taken under the hub's
//! lock, and neither is held while a socket is served or the application is called. The turn to hand on `news` is taken without
//! them, and is held while presence takes some.

mod answer;
mod bridge;
mod cluster;
mod continuity;
mod event;
mod hooks;
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
