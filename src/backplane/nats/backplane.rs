//! The type [`NatsBackplane`] and its options.

use std::fmt;

use async_nats::ConnectOptions;

use super::connect;
use crate::{
    backplane::{
        error::BackplaneError,
        link::{Backplane, BoxFuture, Link},
        prefix::Prefix,
        remote::{Address, Addresses, Schemes, SetupError, SetupErrorKind, UrlFlaw},
    },
    tls::Trust,
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
pub struct NatsBackplane {
    addresses: Addresses,
    prefix: Prefix,
    trust: Trust,
    credentials: Option<String>,
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
        let addresses = Addresses::parse(urls, &SCHEMES)?;
        addresses.iter().try_for_each(check)?;
        Ok(Self {
            addresses,
            prefix: Prefix::default(),
            trust: Trust::of_machine(true)?,
            credentials: None,
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
        ConnectOptions::with_credentials(text)
            .map_err(|error| SetupError::new(SetupErrorKind::Credentials, error))?;
        self.credentials = Some(text.to_owned());
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
        self.trust = self.trust.with_pem(pem)?;
        Ok(self)
    }
}

impl fmt::Debug for NatsBackplane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsBackplane")
            .field("addresses", &self.addresses)
            .field("prefix", &self.prefix)
            .field("trust", &self.trust)
            .finish_non_exhaustive()
    }
}

impl Backplane for NatsBackplane {
    fn connect(&self) -> BoxFuture<'_, Result<Link, BackplaneError>> {
        let address = self.addresses.next();
        let credentials = self.credentials.as_deref();
        Box::pin(connect::connect(
            address,
            credentials,
            &self.prefix,
            &self.trust,
        ))
    }
}

fn check(address: &Address) -> Result<(), UrlFlaw> {
    if address.user.is_none() && address.password.is_some() {
        return Err(UrlFlaw::Unfit("it has a password without a user"));
    }
    let has_none = address.path.is_empty().then_some(());
    has_none.ok_or(UrlFlaw::Unfit("it has a path"))
}

static SCHEMES: Schemes = Schemes {
    plain: "nats",
    tls: "tls",
    port: 4222,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_refused_at_once_and_a_secret_in_it_is_not_repeated() {
        for (url, reason) in [
            ("nats://:hunter2@h", "a password without a user"),
            ("nats://hunter2@h/shop", "it has a path"),
            ("nats://hunter2@h?tls", "no such options"),
            ("redis://hunter2@h", "nats:// or tls://"),
        ] {
            let error = NatsBackplane::new(url).unwrap_err();
            let text = error.to_string();
            assert!(
                text.contains(reason) && text.contains("not tried"),
                "{text}"
            );
            assert!(!format!("{text} {error:?}").contains("hunter2"));
            assert_eq!(error.kind(), SetupErrorKind::Url);
        }
        for url in [
            "nats://hunter2@h",
            "tls://ann:hunter2@h/",
            "nats://a,nats://b:4223",
        ] {
            let debug = format!("{:?}", NatsBackplane::new(url).unwrap());
            assert!(
                debug.contains("://") && !debug.contains("hunter2"),
                "{debug}"
            );
        }
    }

    #[test]
    fn credentials_and_certificates_that_are_none_are_refused() {
        let nats = || NatsBackplane::new("nats://h").unwrap();
        let error = nats().credentials("none").unwrap_err();
        assert_eq!(error.kind(), SetupErrorKind::Credentials);
        let error = nats().root_certificates(b"none").unwrap_err();
        assert_eq!(error.kind(), SetupErrorKind::Certificate);
    }
}
