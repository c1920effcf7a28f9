//! The turn of a message of this node among the others that it publishes.

use std::time::Duration;

use tokio::time::Instant;

/// When a message of this node was published, which says what came before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn {
    pub(super) at: Instant,
    pub(super) number: u64,
}

/// How long a message of this node waits for its place.
pub(super) const OWN_WAIT: Duration = Duration::from_millis(250);
