use serde::{Deserialize, Serialize};

use super::nodes::{Nodes, Told};

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Order {
    Figures,
    Publish(Publish),
    CloseUser(String),
    Join,
    Rename { per_second: usize, seconds: usize },
    ShutDown { seconds: u64 },
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    Figures(Box<Figures>),
    Published(Published),
    Joined(Joined),
    Done,
    Stopped(Stopped),
}

/// What the server is to broadcast by itself: `server 0 xxx…`, `server 1 xxx…` and so on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Publish {
    pub(crate) count: usize,
    /// The length of each text.
    pub(crate) size: usize,
    /// The only group that gets it, where there is one.
    pub(crate) group: Option<String>,
    /// The users that get it, each a message of its own; no other user does then.
    pub(crate) users: Vec<String>,
}

/// What the reports of such broadcasts add up to.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Published {
    pub(crate) matched: usize,
    pub(crate) queued: usize,
    pub(crate) dropped: usize,
    /// The longest call, in microseconds.
    pub(crate) longest: u64,
}

/// What it costs to have sockets join a group and leave it, in nanoseconds for both.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Joined {
    pub(crate) with_a_rule: u64,
    pub(crate) without: u64,
}

/// The server's state.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// Resident memory, and the most it ever was, in KiB.
    pub(crate) memory: usize,
    pub(crate) peak: usize,
    /// User and system time of all its threads, in microseconds.
    pub(crate) cpu: u64,
    pub(crate) descriptors: usize,
    pub(crate) tasks: usize,
    pub(crate) sockets: usize,
    pub(crate) bytes_queued: usize,
    pub(crate) messages_out: u64,
    pub(crate) dropped: u64,
    pub(crate) undelivered: u64,
    pub(crate) dispatches: usize,
    /// Members of groups with a rule, on all nodes.
    pub(crate) members: usize,
    /// Messages that wait for a place.
    pub(crate) waiting: usize,
    pub(crate) messages_in: u64,
    /// Dispatches that failed.
    pub(crate) failed: u64,
    /// How long the hub took to say how many sockets it has, since it was asked last: in microseconds,
    /// each time.
    pub(crate) lens: Vec<u64>,
    /// What a node knows of its cluster.
    pub(crate) cluster: Option<Nodes>,
    /// What it was told of the cluster since it was asked for last.
    pub(crate) told: Vec<Told>,
    /// The disconnect events since they were asked for last.
    pub(crate) ends: Vec<End>,
    /// Milliseconds since the server began.
    pub(crate) now: u64,
}

/// A disconnect event.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct End {
    pub(crate) user: String,
    pub(crate) code: u16,
    pub(crate) reason: String,
    pub(crate) undelivered: u64,
    /// Milliseconds since the server began.
    pub(crate) at: u64,
}

/// How a server ended.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Stopped {
    pub(crate) closed: usize,
    pub(crate) cut: usize,
    pub(crate) milliseconds: u64,
    /// Tasks of the runtime that were left.
    pub(crate) tasks: usize,
    /// Sockets that a second call found.
    pub(crate) second: usize,
}
