//! The type [`RedisBackplane`] and its options.

use super::{connect, endpoints::RedisEndpoints};
use crate::backplane::{
    error::BackplaneError,
    link::{Backplane, BoxFuture, Link},
    prefix::Prefix,
    remote::SetupError,
};

/// Connects nodes through Redis 6 or later, Valkey or a Redis Cluster (feature `redis`).
///
/// It publishes and subscribes, and stores nothing. Each node has one connection. In a Redis Cluster
/// any one server carries the messages of all: name several, separated by commas, and each attempt to
/// connect asks the next. Servers that are not of one cluster do not hear each other.
///
/// A user with an access list needs three commands and the channels of the prefix:
/// `ACL SETUSER shop on >PASSWORD resetchannels &shop/* -@all +publish +subscribe +unsubscribe`.
///
/// # Examples
///
/// ```no_run
/// use web_connection_socket::backplane::RedisBackplane;
///
/// # fn run() -> Result<(), web_connection_socket::backplane::SetupError> {
/// let one = RedisBackplane::new("redis://10.0.0.5/")?.prefix("shop");
/// let with_password = RedisBackplane::new("rediss://shop:p%40ssword@redis.internal:6380/")?;
/// let cluster = RedisBackplane::new("redis://10.0.0.5:7000,redis://10.0.0.6:7000")?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct RedisBackplane {
    endpoints: RedisEndpoints,
    prefix: Prefix,
}

impl RedisBackplane {
    /// Describes a server by its URL, or several by theirs, separated by commas. Nothing is connected
    /// yet.
    ///
    /// A URL is `redis://USER:PASSWORD@HOST:PORT/`, or `rediss://` for TLS; user and port (6379) may be
    /// left out, and signs with a meaning in URLs are percent-encoded. A number as its path is accepted
    /// and means nothing: channels do not belong to a database. For `rediss://` the certificate
    /// authorities of this machine are read at once, from files; `SSL_CERT_FILE` and `SSL_CERT_DIR` name
    /// others.
    ///
    /// # Errors
    ///
    /// If a URL is not like that.
    pub fn new(urls: &str) -> Result<Self, SetupError> {
        Ok(Self {
            endpoints: RedisEndpoints::parse(urls)?,
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

    /// Trusts the certificate authorities in `pem` in addition to those of the machine.
    ///
    /// It may hold a private authority, or the self-signed certificate of the server.
    ///
    /// # Errors
    ///
    /// If `pem` holds no certificate in PEM form, or one that is not valid.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use web_connection_socket::backplane::RedisBackplane;
    ///
    /// let pem = std::fs::read("/etc/ssl/our-authority.pem")?;
    /// let redis = RedisBackplane::new("rediss://redis.internal/")?.root_certificates(&pem)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn root_certificates(mut self, pem: &[u8]) -> Result<Self, SetupError> {
        self.endpoints.add_roots(pem)?;
        Ok(self)
    }
}

impl Backplane for RedisBackplane {
    fn connect(&self) -> BoxFuture<'_, Result<Link, BackplaneError>> {
        Box::pin(connect::connect(&self.endpoints, &self.prefix))
    }
}
