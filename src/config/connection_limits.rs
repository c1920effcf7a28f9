//! Options that bound how many sockets may be open: in all, for one user, for one client.

use std::time::Duration;

/// How many sockets may be open at one time; `None` is no limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConnectionLimits {
    pub(crate) sockets: Option<usize>,
    pub(crate) sockets_per_user: Option<usize>,
    pub(crate) sockets_per_client: Option<usize>,
    pub(crate) retry_after: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            sockets: None,
            sockets_per_user: None,
            sockets_per_client: None,
            retry_after: Duration::from_secs(5),
        }
    }
}
