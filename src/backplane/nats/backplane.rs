//! The type [`NatsBackplane`] and its options.

use super::{connect, endpoints::NatsEndpoints};
use crate::backplane::{
    error::BackplaneError,
    link::{Backplane, BoxFuture, Link},
    prefix::Prefix,
    remote::SetupError,
};

/// Connects nodes through a NATS server, or a cluster of them (feature `nats`).
///
/// It publishes and subscribes in core NATS, and stores nothing. Each node has one connection. Name
/// several servers of a cluster, separated by commas, and each attempt to connect asks the next. What
/// servers tell of each other is not followed.
///
/// A user with permissions needs to publish and subscribe to the subjects `PREFIX.>`. The server's
/// `max_payload` must be 1 MiB or more, as it is by default.
///
/// # Examples
///
/// ```no_run
/// use web_connection_socket::backplane::NatsBackplane;
///
/// # fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let one = NatsBackplane::new("nats://10.0.0.5")?.prefix("shop");
/// let cluster = NatsBackplane::new("tls://ann:secret@10.0.0.5,tls://ann:secret@10.0.0.6:4223")?;
/// let with_token = NatsBackplane::new("nats://token@10.0.0.5")?;
///
/// let credentials = std::fs::read_to_string("/run/secrets/shop.creds")?;
/// let with_credentials = NatsBackplane::new("tls://nats.internal")?.credentials(&credentials)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct NatsBackplane {
    endpoints: NatsEndpoints,
    prefix: Prefix,
}

impl NatsBackplane {
    /// Describes a server by its URL, or several by theirs, separated by commas. Nothing is connected
    /// yet.
    ///
    /// A URL is `nats://USER:PASSWORD@HOST:PORT` or `nats://TOKEN@HOST:PORT`; with `tls://` a server
    /// without TLS is refused. Login and port (4222) may be left out, and signs with a meaning in URLs
    /// are percent-encoded. TLS is spoken whenever the server demands it, so the certificate authorities
    /// of this machine are read at once, from files; `SSL_CERT_FILE` and `SSL_CERT_DIR` name others.
    ///
    /// # Errors
    ///
    /// If a URL is not like that.
    pub fn new(urls: &str) -> Result<Self, SetupError> {
        Ok(Self {
            endpoints: NatsEndpoints::parse(urls)?,
            prefix: Prefix::default(),
        })
    }

    /// Sets the prefix that keeps applications apart which share a server. The default is
    /// `web-connection-socket`.
    ///
    /// # Panics
    ///
    /// Unless it is 1 to 64 ASCII letters, digits, `-`, `_` or `:`.
    #[must_use]
    #[track_caller]
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.prefix = Prefix::new(prefix);
        self
    }

    /// Signs in with the text of a credentials file, which holds a user's JWT and key. A login in the
    /// URL is then left out.
    ///
    /// # Errors
    ///
    /// If the text holds no JWT or no key.
    pub fn credentials(mut self, text: &str) -> Result<Self, SetupError> {
        self.endpoints.sign_in_with(text)?;
        Ok(self)
    }

    /// Trusts the certificate authorities in `pem` in addition to those of the machine.
    ///
    /// It may hold a private authority, or the self-signed certificate of the server.
    ///
    /// # Errors
    ///
    /// If `pem` holds no certificate in PEM form, or one that is not valid.
    pub fn root_certificates(mut self, pem: &[u8]) -> Result<Self, SetupError> {
        self.endpoints.add_roots(pem)?;
        Ok(self)
    }
}

impl Backplane for NatsBackplane {
    fn connect(&self) -> BoxFuture<'_, Result<Link, BackplaneError>> {
        Box::pin(connect::connect(&self.endpoints, &self.prefix))
    }
}
