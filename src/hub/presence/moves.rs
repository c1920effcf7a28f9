//! What happens to sockets, as far as it matters to the groups that are kept track of.

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
    /// How a socket has ended that left before.
    Explained {
        group: GroupId,
        user: UserId,
        cause: PresenceCause,
    },
    Ended(ConnectionId),
    /// The application says something of it, or takes it back with `null`.
    Said {
        socket: ConnectionId,
        user: UserId,
        groups: Vec<GroupId>,
        info: Arc<Info>,
    },
    /// The socket has another user now: what was said of it was said of the one before.
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
    /// So many groups that a client wanted to watch and may not.
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
