//! The option that trusts further certificate authorities.

use super::sender::client;
use super::{BroadcastError, Broadcaster};

impl Broadcaster {
    /// Trusts the certificate authorities in `pem` in addition to those of the machine (feature
    /// `client-tls`).
    ///
    /// It may hold a private authority, or the self-signed certificate of a server. Clones made before
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
    pub fn root_certificates(mut self, pem: &[u8]) -> Result<Self, BroadcastError> {
        self.trust = self.trust.with_pem(pem)?;
        self.client = client(&self.trust);
        Ok(self)
    }
}
