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

use super::error::{BroadcastErrorKind, Cause};
use super::{BroadcastError, Broadcaster, client};

/// Connects to `http://` and `https://`.
pub(super) type Connector = HttpsConnector<HttpConnector>;

/// Whose certificates count.
#[derive(Clone)]
pub(super) struct Trust {
    roots: Arc<RootCertStore>,
    config: ClientConfig,
}

impl Broadcaster {
    /// Trusts the certificate authorities in `pem` too, besides those of the machine (feature
    /// `client-tls`).
    ///
    /// For a private authority, or a server's self-signed certificate itself. Clones made before
    /// are not changed.
    ///
    /// # Errors
    ///
    /// If `pem` holds no certificate in PEM form, or one that is not valid.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use web_connection_socket::Broadcaster;
    ///
    /// let pem = std::fs::read("/etc/ssl/our-authority.pem")?;
    /// let broadcaster = Broadcaster::new("https://app.internal/")?.root_certificates(&pem)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn root_certificates(self, pem: &[u8]) -> Result<Self, BroadcastError> {
        let trust = self.trust.and(pem)?;
        Ok(Self {
            client: client(&trust),
            trust,
            ..self
        })
    }
}

impl Trust {
    /// The authorities of this machine, if they will be asked for.
    pub(super) fn for_endpoint(endpoint: &Uri) -> Result<Self, Cause> {
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

    /// These authorities and those in `pem`.
    fn and(&self, pem: &[u8]) -> Result<Self, Cause> {
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
        // The process may have chosen another provider as its default, or none.
        let ring = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_root_certificates(Arc::clone(&roots))
            .with_no_client_auth();
        Ok(Self { roots, config })
    }

    pub(super) fn connector(&self, tcp: HttpConnector) -> Connector {
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
