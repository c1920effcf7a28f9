//! Options that say which proxies are trusted to name a client's address, and in which header.

use std::net::IpAddr;

use ipnet::IpNet;

/// The trusted proxies and the header that they use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proxies {
    pub(crate) networks: Vec<IpNet>,
    pub(crate) header: ClientHeader,
}

/// The header in which proxies name the client's address.
///
/// # Examples
///
/// ```
/// use web_connection_socket::config::ClientHeader;
///
/// assert_eq!(ClientHeader::default(), ClientHeader::XForwardedFor);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientHeader {
    /// `X-Forwarded-For`: a list of addresses, to which each proxy adds that of its caller.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239): the same in `for=`, among other things.
    Forwarded,
}

impl Proxies {
    pub(crate) fn trust(&self, address: IpAddr) -> bool {
        self.networks
            .iter()
            .any(|network| network.contains(&address))
    }
}
