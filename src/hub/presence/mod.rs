//! Presence: the members of the groups that a rule names, and the reports of their changes.
//!
//! ```text
//!  registry: a socket enters a group, leaves it, ends
//!     │ moves, in the order of the hub's lock
//!     ▼
//!  attendance ─▶ table ─▶ group ─▶ member: which nodes have sockets of the user, or since when none has
//!                  │        └─ watchers: what they have been told
//!                  ▼
//!  timer: ends absences, tells watchers (`Audience`) and the application (`hooks`)
//!
//!  other nodes ─▶ cluster ─▶ learning ─▶ table          table ─▶ publishing ─▶ timer ─▶ cluster ─▶ other nodes
//!                            └ remotes: what is missing           └ numbered reports, snapshots
//! ```
//!
//! Only its own node reports a member. It numbers its reports for each partition and puts the numbers into
//! its heartbeats; a node that lacks a report asks for all members of that node in the partition.
//!
//! A user has joined with its first socket in the group, and has left `leave_after` after its last one
//! ended. `table` and all below it is plain and synchronous, with the time as an argument. One task per hub
//! does what is due; a connection has none, and costs nothing unless it is in a group with a rule.

mod attendance;
mod change;
mod group;
mod info;
mod interest;
mod learning;
mod member;
mod moves;
mod notice;
mod own;
mod publishing;
mod remotes;
mod stats;
mod table;
mod timer;
mod view;
mod watchers;
mod watching;

#[cfg(test)]
mod tests;

pub(crate) use self::watching::MAX_WATCHES;
pub(super) use self::{
    attendance::Attendance,
    info::Info,
    moves::{Move, Watch},
    timer::Audience,
};
pub use self::{
    change::{PresenceCause, PresenceChange},
    stats::PresenceStats,
    view::{Presence, PresenceMember},
};
