//! The option that trusts other certificate authorities.

use super::{client::ClientSource, connect::Trust, error::UpstreamError, options::Upstream};

impl Upstream {
    /// Trusts the certificate authorities in `pem` instead of those of this machine (feature
    /// `client-tls`).
    ///
    /// It may hold a private authority, or the self-signed certificate of the upstream.
    ///
    /// # Errors
    ///
    /// If `pem` holds no certificate in PEM form, or one that is not valid.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use web_connection_socket::Upstream;
    ///
    /// let pem = std::fs::read("/etc/ssl/our-authority.pem")?;
    /// let upstream = Upstream::new("https://app.internal/")?.root_certificates(&pem)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn root_certificates(mut self, pem: &[u8]) -> Result<Self, UpstreamError> {
        // A client that was given has its own.
        if let ClientSource::Own(own) = &mut self.client {
            own.trust = Trust::pem(pem)?;
        }
        Ok(self)
    }
}
