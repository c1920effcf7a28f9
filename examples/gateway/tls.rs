//! TLS in both directions: towards visitors, and towards an https application.

use std::{
    fmt::Display,
    fs::File,
    io::{self, BufReader},
    path::{Path, PathBuf},
    sync::Arc,
};

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use parking_lot::RwLock;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ClientConfig, RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
    server::TlsStream,
};

use web_connection_socket::Upstream;

use crate::Problem;

/// Speaks TLS with a certificate that can be replaced while it serves.
#[derive(Clone)]
pub(crate) struct Acceptor {
    certificate: PathBuf,
    key: PathBuf,
    current: Arc<RwLock<TlsAcceptor>>,
}

impl Acceptor {
    /// Reads the certificate and its key.
    pub(crate) fn read(certificate: &Path, key: &Path) -> Result<Self, Problem> {
        Ok(Self {
            current: Arc::new(RwLock::new(acceptor(certificate, key)?)),
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        })
    }

    /// Reads both files again, for the connections to come. The old pair stays if they cannot be read.
    pub(crate) fn reload(&self) {
        match acceptor(&self.certificate, &self.key) {
            Ok(acceptor) => {
                *self.current.write() = acceptor;
                tracing::info!("read the certificate and its key again");
            }
            Err(error) => tracing::error!("kept the certificate that was read before: {error}"),
        }
    }

    /// When either file was written last.
    #[cfg_attr(unix, expect(dead_code, reason = "Unix has a signal for it"))]
    pub(crate) fn written_at(&self) -> Option<std::time::SystemTime> {
        let written = |path: &Path| std::fs::metadata(path).and_then(|file| file.modified());
        let (certificate, key) = (written(&self.certificate), written(&self.key));
        certificate.ok().max(key.ok())
    }

    pub(crate) fn accept(
        &self,
        tcp: TcpStream,
    ) -> impl Future<Output = io::Result<TlsStream<TcpStream>>> + Send + use<> {
        self.current.read().accept(tcp)
    }
}

fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, Problem> {
    let chain = certificates(certificate, "--tls-cert")?;
    let unreadable = |error: &dyn Display| format!("--tls-key {}: {error}", key.display());
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(&error))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| unreadable(&error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Has the messages trust the authority of a file.
pub(crate) fn trust(upstream: Upstream, authority: &Path) -> Result<Upstream, Problem> {
    let unusable = |error: &dyn Display| format!("--upstream-ca {}: {error}", authority.display());
    let pem = std::fs::read(authority).map_err(|error| unusable(&error))?;
    let trusting = upstream.root_certificates(&pem);
    trusting.map_err(|error| unusable(&error).into())
}

/// Connects to an https application, and trusts this machine's authorities, or those of a file.
pub(crate) fn connector(
    tcp: HttpConnector,
    authority: Option<&Path>,
) -> Result<HttpsConnector<HttpConnector>, Problem> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = authority {
        for certificate in certificates(path, "--upstream-ca")? {
            roots
                .add(certificate)
                .map_err(|error| format!("--upstream-ca {}: {error}", path.display()))?;
        }
    } else {
        let found = rustls_native_certs::load_native_certs();
        for error in found.errors {
            tracing::warn!(%error, "certificate authorities of this machine cannot be read");
        }
        roots.add_parsable_certificates(found.certs);
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(HttpsConnectorBuilder::new()
        .with_tls_config(config)
        .https_only()
        .enable_http1()
        .wrap_connector(tcp))
}

/// Reads the certificates of a PEM file, at least one.
fn certificates(path: &Path, option: &str) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let unreadable = |error: &dyn Display| format!("{option} {}: {error}", path.display());
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    let read = CertificateDer::pem_reader_iter(BufReader::new(file));
    let read: Vec<_> = read
        .collect::<Result<_, _>>()
        .map_err(|error| unreadable(&error))?;
    if read.is_empty() {
        return Err(unreadable(&"it holds no certificate in PEM form").into());
    }
    Ok(read)
}
