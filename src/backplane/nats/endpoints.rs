//! Where NATS servers are, as their URLs say, with which credentials a client signs in there, and which
//! certificate authorities are trusted.

use std::fmt;

use async_nats::ConnectOptions;

use crate::{
    backplane::remote::{Address, Addresses, Schemes, SetupError, SetupErrorKind, UrlFlaw},
    tls::Trust,
};

/// The servers of one NATS, whether it carries messages or keeps them.
#[derive(Clone)]
pub(crate) struct NatsEndpoints {
    addresses: Addresses,
    pub(super) credentials: Option<String>,
    pub(super) trust: Trust,
}

impl NatsEndpoints {
    /// Reads URLs that are separated by commas.
    pub(crate) fn parse(urls: &str) -> Result<Self, SetupError> {
        let addresses = Addresses::parse(urls, &SCHEMES)?;
        addresses.iter().try_for_each(check)?;
        Ok(Self {
            addresses,
            credentials: None,
            // A server may demand TLS also where its URL does not.
            trust: Trust::of_machine(true)?,
        })
    }

    /// Signs in with the text of a credentials file instead of a login in a URL.
    pub(crate) fn sign_in_with(&mut self, credentials: &str) -> Result<(), SetupError> {
        ConnectOptions::with_credentials(credentials)
            .map_err(|error| SetupError::new(SetupErrorKind::Credentials, error))?;
        self.credentials = Some(credentials.to_owned());
        Ok(())
    }

    /// Trusts the authorities in `pem` as well.
    pub(crate) fn add_roots(&mut self, pem: &[u8]) -> Result<(), SetupError> {
        self.trust = self.trust.with_pem(pem)?;
        Ok(())
    }

    /// Returns the server to ask next.
    pub(crate) fn next(&self) -> &Address {
        self.addresses.next()
    }
}

impl fmt::Debug for NatsEndpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsEndpoints")
            .field("addresses", &self.addresses)
            .field("trust", &self.trust)
            .finish_non_exhaustive()
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
    fn a_url_that_cannot_be_meant_is_refused() {
        for (url, reason) in [
            ("nats://:secret@h", "a password without a user"),
            ("nats://h/shop", "it has a path"),
            ("nats://h?tls", "no such options"),
            ("redis://h", "nats:// or tls://"),
        ] {
            let error = NatsEndpoints::parse(url).unwrap_err();
            assert_eq!(error.kind(), SetupErrorKind::Url);
            assert!(error.to_string().contains(reason), "{error}");
        }
    }

    #[test]
    fn neither_a_login_nor_credentials_are_shown() {
        let urls = "tls://ann:hunter2@h/,nats://hunter2@g:4223";
        let mut endpoints = NatsEndpoints::parse(urls).unwrap();
        endpoints.credentials = Some("hunter2".to_owned());
        let debug = format!("{endpoints:?}");
        assert!(debug.contains("tls://h:4222, nats://g:4223"), "{debug}");
        assert!(!debug.contains("hunter2"), "{debug}");
    }

    #[test]
    fn credentials_and_certificates_that_are_none_are_refused() {
        let mut endpoints = NatsEndpoints::parse("nats://h").unwrap();
        let error = endpoints.sign_in_with("none").unwrap_err();
        assert_eq!(error.kind(), SetupErrorKind::Credentials);
        let error = endpoints.add_roots(b"none").unwrap_err();
        assert_eq!(error.kind(), SetupErrorKind::Certificate);
    }
}
