//! Options that bound how many sockets may be open: in all, for one user, for one client.

use std::time::Duration;

/// How many sockets may be open at one time; `None` is no limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConnectionLimits {
    pub(crate) sockets: Option<usize>,
    pub(crate) sockets_per_user: Option<usize>,
    pub(crate) when_user_full: WhenFull,
    pub(crate) sockets_per_client: Option<usize>,
    pub(crate) retry_after: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            sockets: None,
            sockets_per_user: None,
            when_user_full: WhenFull::default(),
            sockets_per_client: None,
            retry_after: Duration::from_secs(5),
        }
    }
}

/// Which socket has to go when a verified user has as many as it may:
/// [`Config::when_user_full`](crate::Config::when_user_full).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// The new one: its upgrade is refused with 429.
    #[default]
    Refuse,
    /// The oldest one: it is closed with [`CloseReason::REPLACED`](crate::CloseReason::REPLACED), 4409.
    CloseOldest,
}
