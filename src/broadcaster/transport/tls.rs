//! The transport with TLS: `http://` and `https://`.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use http::Uri;
use http::uri::Scheme;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tower::BoxError;

use crate::broadcaster::error::{BroadcastErrorKind, Cause};

/// Connects to `http://` and `https://`.
pub(in crate::broadcaster) type Connector = HttpsConnector<HttpConnector>;

/// The trusted certificate authorities.
#[derive(Clone)]
pub(in crate::broadcaster) struct Trust {
    roots: Arc<RootCertStore>,
    config: ClientConfig,
}

impl Trust {
    /// Loads the authorities of this machine, if the endpoint needs them.
    pub(in crate::broadcaster) fn for_endpoint(endpoint: &Uri) -> Result<Self, Cause> {
        let mut roots = RootCertStore::empty();
        if endpoint.scheme() == Some(&Scheme::HTTPS) {
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
        }
        Self::new(roots)
    }

    /// Adds the authorities in `pem`.
    pub(in crate::broadcaster) fn with_pem(&self, pem: &[u8]) -> Result<Self, Cause> {
        let mut roots = RootCertStore::clone(&self.roots);
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(unusable)?;
            roots.add(certificate).map_err(unusable)?;
        }
        if roots.len() == before {
            return Err(unusable(pem::Error::NoItemsFound));
        }
        Self::new(roots)
    }

    fn new(roots: RootCertStore) -> Result<Self, Cause> {
        let roots = Arc::new(roots);
        // The default provider of the process may be another one, or none.
        let ring = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_root_certificates(Arc::clone(&roots))
            .with_no_client_auth();
        Ok(Self { roots, config })
    }

    pub(in crate::broadcaster) fn connector(&self, tcp: HttpConnector) -> Connector {
        HttpsConnectorBuilder::new()
            .with_tls_config(self.config.clone())
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp)
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} certificate authorities", self.roots.len())
    }
}

fn unusable(error: impl Error + Send + Sync + 'static) -> Cause {
    Cause::Trust {
        kind: BroadcastErrorKind::Certificate,
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
