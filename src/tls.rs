//! The certificate authorities that a client of this crate trusts, for TLS by rustls with ring.

use std::{error::Error, fmt, sync::Arc};

use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{
        CertificateDer,
        pem::{self, PemObject},
    },
};

/// The trusted certificate authorities.
#[derive(Clone)]
pub(crate) struct Trust {
    roots: Arc<RootCertStore>,
    config: Arc<ClientConfig>,
}

impl Trust {
    /// Trusts the authorities of this machine, which are read from files, or none if no TLS is spoken.
    pub(crate) fn of_machine(is_needed: bool) -> Result<Self, UnusableCertificate> {
        if !is_needed {
            return Self::new(RootCertStore::empty());
        }
        let mut roots = RootCertStore::empty();
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

    /// Adds the authorities in `pem`.
    pub(crate) fn with_pem(&self, pem: &[u8]) -> Result<Self, UnusableCertificate> {
        let mut roots = RootCertStore::clone(&self.roots);
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(UnusableCertificate::new)?;
            roots.add(certificate).map_err(UnusableCertificate::new)?;
        }
        if roots.len() == before {
            return Err(UnusableCertificate::new(pem::Error::NoItemsFound));
        }
        Self::new(roots)
    }

    pub(crate) fn config(&self) -> &Arc<ClientConfig> {
        &self.config
    }

    fn new(roots: RootCertStore) -> Result<Self, UnusableCertificate> {
        let roots = Arc::new(roots);
        // The default provider of the process may be another one, or none.
        let ring = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()
            .map_err(UnusableCertificate::new)?
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        Ok(Self {
            roots,
            config: Arc::new(config),
        })
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} certificate authorities", self.roots.len())
    }
}

/// A root certificate is not valid.
#[derive(Debug)]
pub(crate) struct UnusableCertificate(Box<dyn Error + Send + Sync>);

impl UnusableCertificate {
    fn new(cause: impl Error + Send + Sync + 'static) -> Self {
        Self(Box::new(cause))
    }
}

impl fmt::Display for UnusableCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the root certificates cannot be used: {}", self.0)
    }
}

impl Error for UnusableCertificate {}
