//! The changes of a group's members that an application is told.

use std::fmt;

use crate::protocol::{CloseReason, GroupId, UserId};

/// A user that has joined a group, or has left it.
///
/// [`WebConnectionSocketLayer::on_presence`](crate::WebConnectionSocketLayer::on_presence) hears of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PresenceChange {
    /// A user has its first socket in a group.
    Joined {
        /// The group.
        group: GroupId,
        /// The user.
        user: UserId,
    },
    /// A user has had no socket in a group for
    /// [`PresenceRule::leave_after`](crate::config::PresenceRule::leave_after). Told once per absence.
    Left {
        /// The group.
        group: GroupId,
        /// The user.
        user: UserId,
        /// How its last socket in the group ended.
        cause: PresenceCause,
    },
}

/// How the last socket of a user in a group ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PresenceCause {
    /// It was closed, by the client or by the server.
    Closed,
    /// Its connection was lost, did not answer a ping, or was too slow.
    Lost,
    /// It left the group and stayed open, or has another user now.
    LeftGroup,
    /// Its node is gone.
    NodeGone,
}

impl PresenceCause {
    /// Returns the cause that a close reason stands for.
    pub(in crate::hub) fn of(reason: &CloseReason) -> Self {
        let is_loss = reason.code() == CloseReason::LOST.code() || *reason == CloseReason::SLOW;
        if is_loss { Self::Lost } else { Self::Closed }
    }

    /// Returns the cause as logs name it: `closed`, `lost`, `left_group` or `node_gone`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Lost => "lost",
            Self::LeftGroup => "left_group",
            Self::NodeGone => "node_gone",
        }
    }

    /// Returns the cause as nodes name it to each other.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::Lost => 1,
            Self::LeftGroup => 2,
            Self::NodeGone => 3,
        }
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        let all = [Self::Closed, Self::Lost, Self::LeftGroup, Self::NodeGone];
        all.get(usize::from(code)).copied()
    }
}

impl fmt::Display for PresenceCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
