//! Setters of the trusted proxies and their header.

use ipnet::IpNet;

use crate::config::{ClientHeader, Config};

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

    /// States that the inner service forwards requests to a server of its own; off by default.
    ///
    /// When on, no request reaches that server as if this layer had made it:
    ///
    /// - A request whose path that server could read as a reserved URL, in a spelling that this layer
    ///   does not serve, is refused with 403 ([`RejectionKind::Alias`]); one that is encoded more than
    ///   four times, with 400. Web servers decode paths twice, cut `;`, `::$DATA` and what follows a
    ///   file, drop trailing dots and blanks, and know short names.
    /// - A [`dispatch_path`](Self::dispatch_path) of your own is refused with 403 to all methods but GET,
    ///   HEAD and OPTIONS; this layer takes the `POST`.
    /// - Headers whose names read like `WebSocket-…` or `Signature…`, with any sign for `-`, are removed;
    ///   so are those by which frameworks take another path (`X-Original-URL`, `X-Rewrite-URL`) or, unless
    ///   it is a `POST`, another method (`X-HTTP-Method-Override`) for the request's.
    ///
    /// It stays on where the layer is turned off ([`enabled`](Self::enabled)): then the reserved URLs
    /// themselves are refused too.
    ///
    /// An inner service that handles paths as they are needs neither.
    ///
    /// [`RejectionKind::Alias`]: crate::RejectionKind::Alias
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    ///
    /// // `/__WebSocket%2ewwd;x`, `/a%2f__websocket.wwd` and `/__WEBS~1.WWD` end here.
    /// let config = Config::new().inner_is_proxy(true);
    /// ```
    #[must_use]
    pub fn inner_is_proxy(mut self, on: bool) -> Self {
        self.inner_is_proxy = on;
        self
    }
}
