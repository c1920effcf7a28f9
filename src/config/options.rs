//! The type [`Config`]: all options with their defaults, and the setters that belong to no smaller topic.

use std::time::Duration;

use super::{
    Access, ClusterKey, ConnectionLimits, ForwardHeaders, HistoryRule, Overflow, PresenceRules,
    Proxies, Rate, Routes, Subprotocol,
};
use crate::protocol::DefaultAudience;

/// Every option of the middleware, with defaults that are safe on the open internet.
///
/// By default a WebSocket upgrade from a page of the same host is accepted, and every caller of the
/// reserved URLs is refused. Admit callers with [`bearer_tokens`](Self::bearer_tokens),
/// [`allow_callers_from`](Self::allow_callers_from) or
/// [`trust_local_callers`](Self::trust_local_callers).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
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
    pub(crate) routes: Routes,
    pub(crate) subprotocols: Vec<Subprotocol>,
    pub(crate) access: Access,
    pub(crate) proxies: Proxies,
    pub(crate) connection_limits: ConnectionLimits,
    pub(crate) handshake_rate: Option<Rate>,
    pub(crate) message_rate: Option<Rate>,
    pub(crate) byte_rate: Option<Rate>,
    pub(crate) user_message_rate: Option<Rate>,
    pub(crate) user_byte_rate: Option<Rate>,
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
    pub(crate) drain_spread: Duration,
    pub(crate) reconnect_window: Duration,
    pub(crate) dispatch_timeout: Duration,
    pub(crate) body_timeout: Duration,
    pub(crate) identify_timeout: Duration,
    pub(crate) default_audience: DefaultAudience,
    pub(crate) lifecycle_events: bool,
    pub(crate) forward_headers: ForwardHeaders,
    pub(crate) inner_is_proxy: bool,
    pub(crate) cluster_key: Option<ClusterKey>,
    pub(crate) history: Vec<HistoryRule>,
    pub(crate) max_history_bytes: usize,
    pub(crate) presence: PresenceRules,
}

impl Config {
    /// Creates the default configuration.
    #[must_use]
    pub fn new() -> Self {
        Self {
            enabled: true,
            routes: Routes::default(),
            subprotocols: Vec::new(),
            access: Access::default(),
            proxies: Proxies::default(),
            connection_limits: ConnectionLimits::default(),
            handshake_rate: None,
            message_rate: None,
            byte_rate: None,
            user_message_rate: None,
            user_byte_rate: None,
            max_message_size: 64 * KIB,
            max_handshake_size: 32 * KIB,
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
            drain_spread: Duration::from_secs(5),
            reconnect_window: Duration::from_secs(20),
            dispatch_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(10),
            identify_timeout: Duration::from_secs(10),
            default_audience: DefaultAudience::default(),
            lifecycle_events: false,
            forward_headers: ForwardHeaders::default(),
            inner_is_proxy: false,
            cluster_key: None,
            history: Vec::new(),
            max_history_bytes: 64 * 1_024 * KIB,
            presence: PresenceRules::default(),
        }
    }

    /// Turns the middleware on or off (`UseWebSockets`); on by default.
    ///
    /// When off, every request goes to the inner service untouched, the reserved URLs included; but one
    /// that [`inner_is_proxy`](Self::inner_is_proxy) refuses stays refused, since a server behind it would
    /// take it for this layer's.
    #[must_use]
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// Chooses the sockets that receive a message without recipients; all of them by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Config, DefaultAudience};
    ///
    /// // Sockets of a group hear only what is addressed to them.
    /// let config = Config::new().default_audience(DefaultAudience::Ungrouped);
    /// ```
    #[must_use]
    pub fn default_audience(mut self, audience: DefaultAudience) -> Self {
        self.default_audience = audience;
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

const KIB: usize = 1_024;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Config, ConnectionLimits};
    use crate::config::WhenFull;

    #[test]
    fn s04_is_enabled_in_code_by_default() {
        assert!(Config::new().enabled);
        assert!(!Config::new().enabled(false).enabled);
    }

    #[test]
    fn defaults_are_the_promised_ones() {
        let config = Config::new();
        assert_eq!(config.max_message_size, 65_536);
        assert_eq!(config.max_handshake_size, 32_768);
        assert_eq!(config.max_recipients, 1_024);
        assert_eq!(config.max_groups, 64);
        assert_eq!(config.max_name_length, 256);
        assert_eq!(config.max_queue_bytes, 1_048_576);
        assert_eq!(config.max_hub_queue_bytes, 268_435_456);
        assert_eq!(config.max_dispatches, 1_024);
        let seconds = [
            (config.write_timeout, 5),
            (config.ping_interval, 25),
            (config.pong_timeout, 10),
            (config.close_timeout, 5),
            (config.drain_spread, 5),
            (config.reconnect_window, 20),
            (config.dispatch_timeout, 30),
            (config.body_timeout, 10),
            (config.identify_timeout, 10),
        ];
        for (timeout, expected) in seconds {
            assert_eq!(timeout, Duration::from_secs(expected));
        }
    }

    #[test]
    fn connections_and_rates_are_unlimited_by_default() {
        let config = Config::new();
        let ConnectionLimits {
            sockets,
            sockets_per_user,
            when_user_full,
            sockets_per_client,
            retry_after,
        } = config.connection_limits;
        assert_eq!(
            (sockets, sockets_per_user, sockets_per_client),
            (None, None, None)
        );
        assert_eq!(when_user_full, WhenFull::Refuse);
        assert_eq!(retry_after.as_secs(), 5);
        assert_eq!((config.message_rate, config.byte_rate), (None, None));
        assert_eq!(config.handshake_rate, None);
        let of_users = (config.user_message_rate, config.user_byte_rate);
        assert_eq!(of_users, (None, None));
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

    #[test]
    #[should_panic(expected = "Config::ping_interval: must not be zero")]
    fn a_zero_that_would_hang_panics() {
        let _config = Config::new().ping_interval(Duration::ZERO);
    }

    #[test]
    #[should_panic(expected = "Config::max_name_length: must not be zero")]
    fn names_without_a_byte_panic() {
        let _config = Config::new().max_name_length(0);
    }

    #[test]
    #[should_panic(expected = "Config::max_sockets_per_client: must not be zero")]
    fn a_limit_of_zero_sockets_panics() {
        let _config = Config::new().max_sockets_per_client(0);
    }

    #[test]
    #[should_panic(expected = "Config::message_rate: must not be zero")]
    fn a_rate_without_a_burst_panics() {
        let _config = Config::new().message_rate(1, 0);
    }

    #[test]
    #[should_panic(expected = "Config::handshake_rate: must not be zero")]
    fn a_rate_of_no_handshakes_panics() {
        let _config = Config::new().handshake_rate(0, 1);
    }

    #[test]
    #[should_panic(expected = "Config::user_message_rate: must not be zero")]
    fn a_rate_of_no_messages_of_a_user_panics() {
        let _config = Config::new().user_message_rate(0, 1);
    }

    #[test]
    #[should_panic(expected = "Config::user_byte_rate: must not be zero")]
    fn a_rate_of_users_without_a_burst_panics() {
        let _config = Config::new().user_byte_rate(1, 0);
    }

    #[test]
    #[should_panic(expected = "Config::byte_rate: must not be zero")]
    fn a_rate_of_no_bytes_panics() {
        let _config = Config::new().byte_rate(0, 1);
    }
}
