//! What the middleware may do, for whom, and how much: plain data, one setter per option.
//!
//! A [`Config`] is built once, in code, from a settings file or from the environment, and handed to
//! the layer. Text is parsed where it enters, so building a layer from a `Config` cannot fail.

mod access;
mod connection_limits;
mod env;
mod error;
mod forward;
mod host;
mod limits;
mod names;
mod origin;
mod overflow;
mod path;
mod paths;
mod proxies;
mod script_map;
mod settings;
mod subprotocol;
mod switch;
mod text;
mod token;

use std::fmt::Display;
use std::time::Duration;

use http::HeaderName;

use crate::protocol::DefaultAudience;

pub use ipnet::IpNet;

pub use self::error::{ConfigError, ConfigErrorKind};
pub use self::host::{Host, ParseHostError};
pub use self::origin::{Origin, ParseOriginError};
pub use self::overflow::Overflow;
pub use self::path::{BasePath, ParseBasePathError, ParseUrlPathError, UrlPath};
pub use self::proxies::ClientHeader;
pub use self::script_map::{ParseScriptMapError, ScriptMap};
pub use self::subprotocol::{ParseSubprotocolError, Subprotocol};
pub use self::token::{BearerToken, ParseBearerTokenError};

pub(crate) use self::access::{Access, Origins};
pub(crate) use self::connection_limits::{ConnectionLimits, Rate};
pub(crate) use self::forward::ForwardHeaders;
pub(crate) use self::path::{is_plain_segment, segment_is};
pub(crate) use self::paths::Paths;
pub(crate) use self::proxies::Proxies;

use self::text::literal;

const KIB: usize = 1_024;

/// Every option of the middleware, with defaults that are safe on the open internet.
///
/// By default any WebSocket upgrade from a page of the same host is accepted, and *nobody* may call
/// the two reserved URLs: name who may with [`bearer_tokens`](Self::bearer_tokens),
/// [`allow_callers_from`](Self::allow_callers_from) or
/// [`trust_local_callers`](Self::trust_local_callers).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use web_connection_socket::Config;
///
/// let config = Config::new()
///     .script_map("wwd")
///     .origins(["https://app.example"])
///     .bearer_tokens(["from-the-vault"])
///     .ping_interval(Duration::from_secs(20));
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) enabled: bool,
    pub(crate) paths: Paths,
    pub(crate) subprotocols: Vec<Subprotocol>,
    pub(crate) access: Access,
    pub(crate) proxies: Proxies,
    pub(crate) connection_limits: ConnectionLimits,
    pub(crate) message_rate: Option<Rate>,
    pub(crate) byte_rate: Option<Rate>,
    pub(crate) max_message_size: usize,
    pub(crate) max_handshake_size: usize,
    pub(crate) max_recipients: usize,
    pub(crate) max_groups: usize,
    pub(crate) max_name_length: usize,
    pub(crate) max_queue_bytes: usize,
    pub(crate) max_hub_queue_bytes: usize,
    pub(crate) overflow: Overflow,
    pub(crate) max_dispatches: usize,
    pub(crate) write_timeout: Duration,
    pub(crate) ping_interval: Duration,
    pub(crate) pong_timeout: Duration,
    pub(crate) close_timeout: Duration,
    pub(crate) dispatch_timeout: Duration,
    pub(crate) body_timeout: Duration,
    pub(crate) identify_timeout: Duration,
    pub(crate) default_audience: DefaultAudience,
    pub(crate) lifecycle_events: bool,
    pub(crate) forward_headers: ForwardHeaders,
}

impl Config {
    /// Creates the default configuration.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new();
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self {
            enabled: true,
            paths: Paths::default(),
            subprotocols: Vec::new(),
            access: Access::default(),
            proxies: Proxies::default(),
            connection_limits: ConnectionLimits::default(),
            message_rate: None,
            byte_rate: None,
            max_message_size: 64 * KIB,
            max_handshake_size: 32 * 1024,
            max_recipients: 1_024,
            max_groups: 64,
            max_name_length: 256,
            max_queue_bytes: 1_024 * KIB,
            max_hub_queue_bytes: 256 * 1_024 * KIB,
            overflow: Overflow::default(),
            max_dispatches: 1_024,
            write_timeout: Duration::from_secs(5),
            ping_interval: Duration::from_secs(25),
            pong_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(5),
            dispatch_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(10),
            identify_timeout: Duration::from_secs(10),
            default_audience: DefaultAudience::default(),
            lifecycle_events: false,
            forward_headers: ForwardHeaders::default(),
        }
    }

    /// Turns the middleware on or off (`UseWebSockets`); on by default.
    ///
    /// Off, every request goes to the inner service untouched, the reserved URLs included.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new().enabled(false);
    /// ```
    #[must_use]
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// Names the subprotocols that the sockets speak; none by default.
    ///
    /// An upgrade that offers subprotocols, but none of these, is taken for a WebSocket of the
    /// application and goes to the inner service. Of those offered, the client's first that is in
    /// this list is chosen.
    ///
    /// # Panics
    ///
    /// If a name is not a token of letters, digits and ``!#$%&'*+-.^_`|~``.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new().subprotocols(["chat.v2", "chat.v1"]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn subprotocols(
        mut self,
        names: impl IntoIterator<Item: TryInto<Subprotocol, Error: Display>>,
    ) -> Self {
        self.subprotocols.clear();
        for name in names {
            self.subprotocols.push(literal("subprotocols", name));
        }
        self
    }

    /// Chooses who receives a message without recipients; everyone by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Config, DefaultAudience};
    ///
    /// let config = Config::new().default_audience(DefaultAudience::Ungrouped);
    /// ```
    #[must_use]
    pub fn default_audience(mut self, audience: DefaultAudience) -> Self {
        self.default_audience = audience;
        self
    }

    /// Sends the application a `connect` request before each socket opens and a `disconnect` after
    /// it closed; off by default.
    ///
    /// On, every socket costs two more requests to the application, and a slow `connect` delays
    /// the upgrade by as much, up to [`dispatch_timeout`](Self::dispatch_timeout).
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new().lifecycle_events(true);
    /// ```
    #[must_use]
    pub fn lifecycle_events(mut self, on: bool) -> Self {
        self.lifecycle_events = on;
        self
    }

    /// Narrows the handshake's headers that every dispatched message carries again to these;
    /// by default all go along that make sense without the connection.
    ///
    /// `Host` always goes along. Headers of the connection, of the body, of the WebSocket handshake
    /// and those reserved for this library never do, even if named here. Each kept header costs its
    /// length in memory, per socket.
    ///
    /// # Panics
    ///
    /// If a name is not a legal header name.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new().forward_headers(["cookie", "user-agent"]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn forward_headers(
        mut self,
        names: impl IntoIterator<Item: TryInto<HeaderName, Error: Display>>,
    ) -> Self {
        let mut kept = Vec::new();
        for name in names {
            kept.push(literal("forward_headers", name));
        }
        self.forward_headers = ForwardHeaders::Only(kept);
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::Config;

    #[test]
    fn s04_is_enabled_in_code_by_default() {
        assert!(Config::new().enabled);
        assert!(!Config::new().enabled(false).enabled);
    }

    #[test]
    fn debug_shows_no_token() {
        let config = Config::new().bearer_tokens(["open-sesame"]);
        let shown = format!("{config:?}");
        assert!(!shown.contains("open-sesame"), "{shown}");
        assert!(shown.contains("BearerToken(..)"), "{shown}");
    }

    #[test]
    #[should_panic(expected = "Config::script_map: \"a/b\" is not a script map")]
    fn a_bad_literal_panics_with_the_option_and_the_text() {
        let _config = Config::new().script_map("a/b");
    }

    #[test]
    #[should_panic(expected = "Config::subprotocols: \"a b\"")]
    fn a_subprotocol_with_a_space_panics() {
        let _config = Config::new().subprotocols(["a b"]);
    }
}
