use std::fmt::Display;

use ipnet::IpNet;

use super::parse::literal;
use super::{BearerToken, Config, Host, Origin};

/// Who may open a socket, and who may call the reserved URLs.
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
    /// Those of the request's own host and port.
    #[default]
    SameHost,
    /// Exactly these.
    Listed(Vec<Origin>),
    /// All of them.
    Any,
}

impl Config {
    /// Lets pages of exactly these origins open a socket: scheme, host and port.
    ///
    /// By default the host and port of the `Origin` must be those of the request itself. This list,
    /// or [`public_origin`](Self::public_origin), takes the place of that rule; an empty list
    /// refuses every page. Programs that send no `Origin` are not concerned.
    ///
    /// # Panics
    ///
    /// If an item is not scheme, host and optional port alone.
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
    /// Cookies travel with cross-site upgrades, so any page that a visitor opens can then act as
    /// that visitor: only for applications that do not rely on cookies or on the network.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new().any_origin();
    /// ```
    #[must_use]
    pub fn any_origin(mut self) -> Self {
        self.access.origins = Origins::Any;
        self
    }

    /// Names the origin at which browsers see the application, for a proxy that rewrites `Host`;
    /// none by default.
    ///
    /// It joins the list of [`origins`](Self::origins).
    ///
    /// # Panics
    ///
    /// If it is not scheme, host and optional port alone.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new().public_origin("https://app.example");
    /// ```
    #[must_use]
    #[track_caller]
    pub fn public_origin(mut self, origin: impl TryInto<Origin, Error: Display>) -> Self {
        self.access.public_origin = Some(literal("public_origin", origin));
        self
    }

    /// Lets pages of any port of this machine open a socket, for development; off by default.
    ///
    /// It counts only for requests whose own `Host` is loopback too, and comes on top of the other
    /// origin rules.
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

    /// Serves upgrades and reserved URLs under these hosts only, against DNS rebinding; an empty
    /// list, the default, means any.
    ///
    /// An item without a port admits every port; one with 80 or 443 also requests that leave the port
    /// out, as browsers do with the default one. A dot at the end of a name does not matter.
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
    /// Several serve rotation: add the new one, move the callers, drop the old one. Only hashes are
    /// kept. Each way in — token, network, local — admits by itself.
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
    /// A request that a page made in a browser of that network is refused, because by DNS rebinding
    /// any page can pass for one of this site. With [`hosts`](Self::hosts) pages of those hosts may
    /// call, and pages of other sites may not.
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
    /// site. **Never switch it on behind a proxy on the same machine**: with default settings such a
    /// proxy makes every stranger look local. Use a token or the control service there.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new().trust_local_callers();
    /// ```
    #[must_use]
    pub fn trust_local_callers(mut self) -> Self {
        self.access.local_callers = true;
        self
    }

    /// Serves the two reserved URLs by
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
