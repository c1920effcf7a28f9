//! Options that say which pages may open a socket, and which callers may use the reserved URLs.

use ipnet::IpNet;

use super::{BearerToken, Host, Origin};

/// Which pages may open a socket, and which callers may use the reserved URLs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Access {
    pub(crate) origins: Origins,
    pub(crate) public_origin: Option<Origin>,
    pub(crate) localhost_origins: bool,
    pub(crate) hosts: Vec<Host>,
    pub(crate) bearer_tokens: Vec<BearerToken>,
    pub(crate) networks: Vec<IpNet>,
    pub(crate) local_callers: bool,
    pub(crate) control_service_only: bool,
}

/// Which pages may open a socket.
#[derive(Clone, Debug, Default)]
pub(crate) enum Origins {
    /// Pages of the request's own host and port.
    #[default]
    SameHost,
    /// Pages of these origins.
    Listed(Vec<Origin>),
    /// All pages.
    Any,
}
