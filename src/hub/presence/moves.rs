//! Events of sockets that change the members or watchers of a group.

use std::sync::Arc;

use super::{change::PresenceCause, info::Info};
use crate::{
    hub::identity::Principal,
    protocol::{ConnectionId, GroupId, UserId},
};

/// One thing that has happened to a socket, in the order of the hub's lock.
#[derive(Debug)]
pub(in crate::hub) enum Move<W> {
    Entered {
        group: GroupId,
        user: UserId,
        socket: ConnectionId,
    },
    Left {
        group: GroupId,
        user: UserId,
        cause: PresenceCause,
    },
    Ended(ConnectionId),
    /// The application sets its user's value, or removes it with `null`.
    Said {
        socket: ConnectionId,
        user: UserId,
        groups: Vec<GroupId>,
        info: Arc<Info>,
    },
    /// The socket has another user now, and its value was the former user's.
    Renamed(ConnectionId),
    Watching {
        socket: ConnectionId,
        watcher: W,
        group: GroupId,
        watch: Watch,
    },
    Unwatching {
        socket: ConnectionId,
        group: GroupId,
    },
    /// The socket's groups and rights from now on.
    Allowed {
        socket: ConnectionId,
        groups: Vec<GroupId>,
        principal: Principal,
    },
    /// How many groups a client wanted to watch and may not.
    NotWatched(u64),
}

/// How a socket came to watch a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::hub) enum Watch {
    /// The client asked for it, and its identity allows it.
    ByIdentity,
    /// The application wants it.
    ByApplication,
}
