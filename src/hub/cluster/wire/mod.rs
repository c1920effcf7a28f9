//! The frames between nodes, as bytes.
//!
//! ```text
//! 0  "WC"         4  kind         6  node           22 topic: kind, number
//! 2  version      5  flags        14 incarnation    31 number          39 body
//! ```
//!
//! Numbers are big-endian. A frame with a signature ends with the 32 bytes of HMAC-SHA256 over the rest.
//!
//! | kind | body |
//! |---|---|
//! | 1 message | recipients, then JSON as it goes to sockets |
//! | 2 mark | nonce; the header's number is the tail of the topic |
//! | 3 heartbeat, 5 bye | beat, counts of sockets, users and groups, tails of all topics, numbers of member reports |
//! | 4 sync | the topics of which marks are wanted |
//! | 6 question | its id, the question |
//! | 7 answer | the question's id, number of the part, whether it is the last, the part |
//! | 8 member report | its number, changes or a part of a snapshot, members of groups of the topic's partition |
//! | 9 member request | the partitions of which snapshots are wanted |
//! | 10 entry of a stream | its epoch, offset, that of the one before it (all ones if it is not known) and id; recipients; the entry |

mod draft;
mod inquiry;
mod members;
mod placed;
mod read;
mod reader;
mod recipients;
mod signature;
mod tails;

#[cfg(test)]
mod tests;

pub(super) use self::{
    draft::{Draft, MAX_FRAME},
    read::{Body, Incoming, Refused, is_own_echo, read},
    recipients::MAX_RECIPIENTS,
    signature::Key,
    tails::{Pulse, Tails, Topics},
};
pub(in crate::hub) use self::{
    inquiry::{Order, Question, Value},
    members::{MemberEntry, MemberReport, MemberVersions, ReportPart},
    placed::Placed,
    tails::Counts,
};
