//! The type [`RedisBackplane`] and its options.

use super::connect;
use crate::{
    backplane::{
        error::BackplaneError,
        link::{Backplane, BoxFuture, Link},
        prefix::Prefix,
        remote::{Address, Addresses, Schemes, SetupError, UrlFlaw},
    },
    tls::Trust,
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
    addresses: Addresses,
    prefix: Prefix,
    trust: Trust,
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
        let addresses = Addresses::parse(urls, &SCHEMES)?;
        addresses.iter().try_for_each(check)?;
        let is_tls = addresses.iter().any(|address| address.is_tls);
        Ok(Self {
            addresses,
            prefix: Prefix::default(),
            trust: Trust::of_machine(is_tls)?,
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
        self.trust = self.trust.with_pem(pem)?;
        Ok(self)
    }
}

impl Backplane for RedisBackplane {
    fn connect(&self) -> BoxFuture<'_, Result<Link, BackplaneError>> {
        let address = self.addresses.next();
        Box::pin(connect::connect(address, &self.prefix, &self.trust))
    }
}

fn check(address: &Address) -> Result<(), UrlFlaw> {
    if address.user.is_some() && address.password.is_none() {
        return Err(UrlFlaw::Unfit("it has a user without a password"));
    }
    let is_number = address.path.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(()).ok_or(UrlFlaw::Unfit(
        "its path is not the number of a database; channels belong to none, so leave it out",
    ))
}

static SCHEMES: Schemes = Schemes {
    plain: "redis",
    tls: "rediss",
    port: 6379,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backplane::remote::SetupErrorKind;

    #[test]
    fn a_url_is_refused_at_once_and_a_password_in_it_is_not_repeated() {
        for (url, reason) in [
            ("redis://ann@h/", "a user without a password"),
            ("redis://:hunter2@h/one", "not the number of a database"),
            ("redis://:hunter2@h/?protocol=resp3", "no such options"),
            ("nats://:hunter2@h", "redis:// or rediss://"),
        ] {
            let error = RedisBackplane::new(url).unwrap_err();
            let text = error.to_string();
            assert!(
                text.contains(reason) && text.contains("not tried"),
                "{text}"
            );
            assert!(!format!("{text} {error:?}").contains("hunter2"));
            assert_eq!(error.kind(), SetupErrorKind::Url);
        }
        for url in ["redis://h/0", "redis://h/3/", "redis://a,redis://b"] {
            RedisBackplane::new(url).unwrap();
        }
        let redis = RedisBackplane::new("redis://ann:hunter2@h").unwrap();
        let debug = format!("{redis:?}");
        assert!(
            debug.contains("redis://h:6379") && !debug.contains("hunter2"),
            "{debug}"
        );
    }

    #[test]
    fn a_certificate_that_is_none_is_refused() {
        let redis = RedisBackplane::new("redis://h").unwrap();
        let error = redis.root_certificates(b"none").unwrap_err();
        assert_eq!(error.kind(), SetupErrorKind::Certificate);
    }
}
