use std::net::IpAddr;

use ipnet::IpNet;

use super::Config;

/// Whose word on a client's address is taken, and where it stands.
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
    /// `X-Forwarded-For`: a list of addresses, to which each proxy adds the one it was called from.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239): the same as `for=`, among other things.
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
    /// Names the proxies that are believed when they say in a header from where a visitor came; none
    /// by default.
    ///
    /// The address counts for [`max_sockets_per_client`](Self::max_sockets_per_client), and hooks and
    /// handlers see it as `client_addr`; **it never lets anybody call the reserved URLs**. It is
    /// found from the TCP peer on: if that is a trusted proxy, the header's last address is believed;
    /// if that is one too, the one before; and so on. The first that is no trusted proxy is the
    /// client. What visitors write into the header themselves stands further left and is never
    /// reached. Where an address cannot be read, the last trusted proxy counts as the client.
    ///
    /// Name exactly the addresses from which your own proxies connect, and let these add to the
    /// header or replace it: a proxy that passes a visitor's header on as it came lets that visitor
    /// choose an address.
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
    /// Only this one is read: where proxies maintain one of the two, the other is the visitor's own.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    /// use web_connection_socket::config::ClientHeader;
    ///
    /// let config = Config::new().client_header(ClientHeader::Forwarded);
    /// ```
    #[must_use]
    pub fn client_header(mut self, header: ClientHeader) -> Self {
        self.proxies.header = header;
        self
    }
}
