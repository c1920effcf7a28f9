//! The turn of a message among the others that its node sends.

use std::time::Duration;

use tokio::time::Instant;

/// When a message was published by this node, or came from another one, which says what its sender had
/// sent before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn {
    pub(super) at: Instant,
    pub(super) number: u64,
    /// The other node.
    pub(super) sender: Option<u64>,
}

impl Turn {
    /// Whether it is of the same sender, and not later.
    pub(super) fn is_up_to(&self, other: &Self) -> bool {
        self.sender == other.sender && self <= other
    }

    pub(super) fn is_own(&self) -> bool {
        self.sender.is_none()
    }
}

/// How long a message of this node waits for its place.
pub(super) const OWN_WAIT: Duration = Duration::from_millis(250);
