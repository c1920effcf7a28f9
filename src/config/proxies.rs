//! Options that say which proxies are trusted to name a client's address, and in which header.

use std::net::IpAddr;

use ipnet::IpNet;

use super::Config;

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

impl Config {
    /// Names the proxies that are trusted to name a visitor's address in a header; none by default.
    ///
    /// The address is used for [`max_sockets_per_client`](Self::max_sockets_per_client), and hooks and
    /// handlers see it as `client_addr`; **it never admits a caller of the reserved URLs**. The search
    /// starts at the TCP peer: if the peer is a trusted proxy, the last address of the header counts; if
    /// that is a trusted proxy too, the one before it; and so on. The first address that is not a
    /// trusted proxy is the client. What visitors write into the header themselves stands further left
    /// and is never reached. If an address cannot be parsed, the last trusted proxy is the client.
    ///
    /// Name exactly the addresses from which your own proxies connect, and make these add to the header
    /// or replace it: a proxy that forwards a visitor's header unchanged lets that visitor choose an
    /// address.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    /// use web_connection_socket::config::IpNet;
    ///
    /// let balancers: IpNet = "10.0.0.0/28".parse()?;
    /// let config = Config::new()
    ///     .trusted_proxies([balancers])
    ///     .max_sockets_per_client(100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn trusted_proxies(mut self, networks: impl IntoIterator<Item: Into<IpNet>>) -> Self {
        self.proxies.networks = networks.into_iter().map(Into::into).collect();
        self
    }

    /// Chooses the header in which [`trusted_proxies`](Self::trusted_proxies) name the client;
    /// `X-Forwarded-For` by default.
    ///
    /// Only this header is read: if the proxies maintain one of the two, the other comes from the visitor.
    #[must_use]
    pub fn client_header(mut self, header: ClientHeader) -> Self {
        self.proxies.header = header;
        self
    }
}
