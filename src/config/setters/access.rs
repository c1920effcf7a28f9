//! Setters of the pages that may open a socket, and of the callers that may use the reserved URLs.

use std::fmt::Display;

use ipnet::IpNet;

use crate::config::parse::literal;
use crate::config::{BearerToken, Config, Host, Origin, Origins};

impl Config {
    /// Lets pages of exactly these origins (scheme, host and port) open a socket.
    ///
    /// By default the host and port of the `Origin` must be those of the request itself. This list,
    /// or [`public_origin`](Self::public_origin), replaces that rule; an empty list refuses every page.
    /// Programs that send no `Origin` are not affected.
    ///
    /// # Panics
    ///
    /// If an item is not just a scheme, a host and an optional port.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new().origins(["https://app.example", "https://admin.example"]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn origins(
        mut self,
        origins: impl IntoIterator<Item: TryInto<Origin, Error: Display>>,
    ) -> Self {
        let mut listed = Vec::new();
        for origin in origins {
            listed.push(literal("origins", origin));
        }
        self.access.origins = Origins::Listed(listed);
        self
    }

    /// Lets pages of any origin open a socket.
    ///
    /// Browsers send cookies with cross-site upgrades, so any page that a visitor opens can then act as
    /// that visitor: use it only if the application relies neither on cookies nor on the network.
    #[must_use]
    pub fn any_origin(mut self) -> Self {
        self.access.origins = Origins::Any;
        self
    }

    /// Names the origin at which browsers see the application, for use behind a proxy that rewrites
    /// `Host`; none by default.
    ///
    /// It is added to the list of [`origins`](Self::origins).
    ///
    /// # Panics
    ///
    /// If it is not just a scheme, a host and an optional port.
    #[must_use]
    #[track_caller]
    pub fn public_origin(mut self, origin: impl TryInto<Origin, Error: Display>) -> Self {
        self.access.public_origin = Some(literal("public_origin", origin));
        self
    }

    /// Lets pages of any port of this machine open a socket, for development; off by default.
    ///
    /// It applies only to requests whose own `Host` is loopback too, and adds to the other origin
    /// rules.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new().allow_localhost_origins(cfg!(debug_assertions));
    /// ```
    #[must_use]
    pub fn allow_localhost_origins(mut self, allow: bool) -> Self {
        self.access.localhost_origins = allow;
        self
    }

    /// Serves upgrades and reserved URLs under these hosts only, against DNS rebinding; any host by
    /// default, or if the list is empty.
    ///
    /// An item without a port admits every port. An item with port 80 or 443 also admits requests
    /// without a port, since browsers leave out the default one. A dot at the end of a name is ignored.
    ///
    /// # Panics
    ///
    /// If an item is not a host with an optional port.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new().hosts(["app.example", "localhost"]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn hosts(mut self, hosts: impl IntoIterator<Item: TryInto<Host, Error: Display>>) -> Self {
        self.access.hosts.clear();
        for host in hosts {
            self.access.hosts.push(literal("hosts", host));
        }
        self
    }

    /// Lets callers with `Authorization: Bearer` and one of these tokens use the reserved URLs;
    /// none by default.
    ///
    /// Several tokens allow rotation: add the new one, move the callers, remove the old one. Only hashes
    /// are kept. A caller needs only one of token, network and local trust.
    ///
    /// # Panics
    ///
    /// If a token is empty, or not visible ASCII without spaces.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new().bearer_tokens(["the-new-secret", "the-old-secret"]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn bearer_tokens(
        mut self,
        tokens: impl IntoIterator<Item: TryInto<BearerToken, Error: Display>>,
    ) -> Self {
        self.access.bearer_tokens.clear();
        for token in tokens {
            self.access
                .bearer_tokens
                .push(literal("bearer_tokens", token));
        }
        self
    }

    /// Lets callers whose TCP connection comes from these networks use the reserved URLs; none by
    /// default.
    ///
    /// The peer address must be known: serve with axum's connect info or insert a `PeerAddr`.
    /// Behind a proxy every request comes from the proxy, so never name the proxy's address here.
    /// A request of a page in a browser of such a network is refused, because by DNS rebinding any page
    /// can pass for one of this site. A plain `GET` of a page may look like a program's, so one is let in
    /// only if it is for an IP address. With [`hosts`](Self::hosts), pages of those hosts may call, pages
    /// of other sites may not, and a `GET` may be for a name. For other conditions, set
    /// [`allow_callers_if`](crate::WebConnectionSocketLayer::allow_callers_if).
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    /// use web_connection_socket::config::IpNet;
    ///
    /// let office: IpNet = "10.1.0.0/16".parse()?;
    /// let config = Config::new().allow_callers_from([office]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn allow_callers_from(mut self, networks: impl IntoIterator<Item: Into<IpNet>>) -> Self {
        self.access.networks = networks.into_iter().map(Into::into).collect();
        self
    }

    /// Lets programs on this machine use the reserved URLs; off by default.
    ///
    /// Local means a loopback TCP peer, a loopback `Host`, no sign of a proxy and no page of another
    /// site. **Never use it behind a proxy on the same machine**: with default settings such a proxy
    /// makes every request look local. Use a token or the control service there.
    #[must_use]
    pub fn trust_local_callers(mut self) -> Self {
        self.access.local_callers = true;
        self
    }

    /// Serves the reserved URLs by
    /// [`control_service`](crate::WebConnectionSocketLayer::control_service) alone; off by default.
    ///
    /// The layered service then answers them with 404, whatever else this configuration allows.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new().control_service_only(true);
    /// ```
    #[must_use]
    pub fn control_service_only(mut self, only: bool) -> Self {
        self.access.control_service_only = only;
        self
    }
}
