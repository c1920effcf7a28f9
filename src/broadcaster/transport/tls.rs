//! The transport with TLS: `http://` and `https://`.

use std::fmt;

use http::Uri;
use http::uri::Scheme;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use tokio_rustls::rustls::ClientConfig;

use crate::broadcaster::error::{BroadcastErrorKind, Cause};
use crate::tls;

/// Connects to `http://` and `https://`.
pub(in crate::broadcaster) type Connector = HttpsConnector<HttpConnector>;

/// The trusted certificate authorities.
#[derive(Clone)]
pub(in crate::broadcaster) struct Trust(tls::Trust);

impl Trust {
    /// Loads the authorities of this machine, if the endpoint needs them.
    pub(in crate::broadcaster) fn for_endpoint(endpoint: &Uri) -> Result<Self, Cause> {
        let is_tls = endpoint.scheme() == Some(&Scheme::HTTPS);
        Self::new(tls::Trust::of_machine(is_tls))
    }

    /// Adds the authorities in `pem`.
    pub(in crate::broadcaster) fn with_pem(&self, pem: &[u8]) -> Result<Self, Cause> {
        Self::new(self.0.with_pem(pem))
    }

    pub(in crate::broadcaster) fn connector(&self, tcp: HttpConnector) -> Connector {
        HttpsConnectorBuilder::new()
            .with_tls_config(ClientConfig::clone(self.0.config()))
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp)
    }

    fn new(trust: Result<tls::Trust, tls::UnusableCertificate>) -> Result<Self, Cause> {
        let trust = trust.map_err(|error| Cause::Trust {
            kind: BroadcastErrorKind::Certificate,
            error: Box::new(error),
        })?;
        Ok(Self(trust))
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
