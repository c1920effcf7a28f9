//! Connections to the application over TCP.

use std::time::Duration;

use hyper_util::client::legacy::connect::HttpConnector;

/// Connects to `http://` URLs, and for TLS to others.
pub(crate) fn tcp() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(WITHIN));
    connector
}

/// How long a connection may take to open.
pub(crate) const WITHIN: Duration = Duration::from_secs(5);
