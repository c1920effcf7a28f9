//! Connections over TCP, with TLS for `https` URLs.

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;

use super::Trust;

/// Connects over TCP.
pub(in super::super) fn tcp(trust: &Trust) -> HttpsConnector<HttpConnector> {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    // The scheme was checked with the URL.
    tcp.enforce_http(false);
    HttpsConnectorBuilder::new()
        .with_tls_config(trust.config())
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp)
}
