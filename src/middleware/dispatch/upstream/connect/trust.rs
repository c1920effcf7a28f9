//! The certificate authorities that an upstream's certificate is checked against.

use std::{error::Error, sync::Arc};

use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{
        CertificateDer,
        pem::{self, PemObject},
    },
};

use super::super::error::Cause;

/// The trusted certificate authorities.
#[derive(Clone)]
pub(in super::super) struct Trust(Arc<ClientConfig>);

impl Trust {
    /// Trusts no certificate, for URLs without TLS.
    pub(in super::super) fn none() -> Result<Self, Cause> {
        Self::new(RootCertStore::empty())
    }

    /// Trusts the authorities of this machine.
    pub(in super::super) fn machine() -> Result<Self, Cause> {
        let found = rustls_native_certs::load_native_certs();
        for error in found.errors {
            tracing::warn!(%error, "certificate authorities of this machine cannot be read");
        }
        let mut roots = RootCertStore::empty();
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

    pub(super) fn config(&self) -> ClientConfig {
        ClientConfig::clone(&self.0)
    }
}

fn unusable(error: impl Error + Send + Sync + 'static) -> Cause {
    Cause::Certificate(Box::new(error))
}
