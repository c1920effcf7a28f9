//! Connections with TLS for `https` URLs, and the certificate authorities that these trust.

use http::uri::Scheme;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use tokio_rustls::rustls::ClientConfig;

use super::{
    super::error::{Cause, UpstreamErrorKind},
    tcp,
};
use crate::tls::{self, UnusableCertificate};

/// The trusted certificate authorities.
#[derive(Clone)]
pub(in super::super) struct Trust(tls::Trust);

impl Trust {
    /// Trusts the authorities of this machine, if the scheme needs them.
    pub(in super::super) fn for_scheme(scheme: &Scheme) -> Result<Self, Cause> {
        let trust = tls::Trust::of_machine(*scheme == Scheme::HTTPS);
        trust.map(Self).map_err(unusable)
    }

    /// Trusts the authorities in `pem`, and no others.
    pub(in super::super) fn pem(pem: &[u8]) -> Result<Self, Cause> {
        let none = tls::Trust::of_machine(false);
        let trust = none.and_then(|none| none.with_pem(pem));
        trust.map(Self).map_err(unusable)
    }

    /// Connects over TCP, with TLS if the URL says so.
    pub(in super::super) fn connector(&self) -> HttpsConnector<HttpConnector> {
        HttpsConnectorBuilder::new()
            .with_tls_config(ClientConfig::clone(self.0.config()))
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp())
    }
}

fn unusable(error: UnusableCertificate) -> Cause {
    Cause::Trust {
        kind: UpstreamErrorKind::Certificate,
        error: Box::new(error),
    }
}
