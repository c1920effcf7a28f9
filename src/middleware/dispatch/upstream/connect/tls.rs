//! Connections with TLS for `https` URLs, and the certificate authorities that these trust.

use std::{error::Error, fmt, sync::Arc};

use http::uri::Scheme;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{
        CertificateDer,
        pem::{self, PemObject},
    },
};
use tower::BoxError;

use super::{
    super::error::{Cause, UpstreamErrorKind},
    tcp,
};

/// The trusted certificate authorities.
#[derive(Clone)]
pub(in super::super) struct Trust(Arc<ClientConfig>);

impl Trust {
    /// Trusts the authorities of this machine, if the scheme needs them.
    pub(in super::super) fn for_scheme(scheme: &Scheme) -> Result<Self, Cause> {
        let mut roots = RootCertStore::empty();
        if *scheme != Scheme::HTTPS {
            return Self::new(roots);
        }
        let found = rustls_native_certs::load_native_certs();
        for error in found.errors {
            tracing::warn!(%error, "certificate authorities of this machine cannot be read");
        }
        let (added, ignored) = roots.add_parsable_certificates(found.certs);
        tracing::debug!(
            added,
            ignored,
            "read the certificate authorities of this machine"
        );
        Self::new(roots)
    }

    /// Trusts the authorities in `pem`.
    pub(in super::super) fn pem(pem: &[u8]) -> Result<Self, Cause> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(unusable)?;
            roots.add(certificate).map_err(unusable)?;
        }
        if roots.is_empty() {
            return Err(unusable(pem::Error::NoItemsFound));
        }
        Self::new(roots)
    }

    fn new(roots: RootCertStore) -> Result<Self, Cause> {
        // The default provider of the process may be another one, or none.
        let ring = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }

    /// Connects over TCP, with TLS if the URL says so.
    pub(in super::super) fn connector(&self) -> HttpsConnector<HttpConnector> {
        HttpsConnectorBuilder::new()
            .with_tls_config(ClientConfig::clone(&self.0))
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp())
    }
}

fn unusable(error: impl Error + Send + Sync + 'static) -> Cause {
    Cause::Trust {
        kind: UpstreamErrorKind::Certificate,
        error: Box::new(UnusableCertificate(Box::new(error))),
    }
}

#[derive(Debug)]
struct UnusableCertificate(BoxError);

impl fmt::Display for UnusableCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the root certificates cannot be used: {}", self.0)
    }
}

impl Error for UnusableCertificate {}
