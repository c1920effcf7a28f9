//! Where Redis servers are, as their URLs say, and which certificate authorities are trusted there.

use crate::{
    backplane::remote::{Address, Addresses, Schemes, SetupError, UrlFlaw},
    tls::Trust,
};

/// The servers of one Redis, whether it carries messages or keeps them.
#[derive(Clone, Debug)]
pub(crate) struct RedisEndpoints {
    addresses: Addresses,
    pub(super) trust: Trust,
}

impl RedisEndpoints {
    /// Reads URLs that are separated by commas.
    pub(crate) fn parse(urls: &str) -> Result<Self, SetupError> {
        let addresses = Addresses::parse(urls, &SCHEMES)?;
        addresses.iter().try_for_each(check)?;
        let is_tls = addresses.iter().any(|address| address.is_tls);
        Ok(Self {
            addresses,
            trust: Trust::of_machine(is_tls)?,
        })
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

    /// Returns the number of the database that all URLs name.
    pub(crate) fn database(&self) -> Result<i64, UrlFlaw> {
        let mut databases = self.addresses.iter().map(database);
        let first = databases.next().unwrap_or(Ok(0))?;
        for database in databases {
            if database? != first {
                return Err(UrlFlaw::Unfit("it names another database than the first"));
            }
        }
        Ok(first)
    }
}

fn check(address: &Address) -> Result<(), UrlFlaw> {
    if address.user.is_some() && address.password.is_none() {
        return Err(UrlFlaw::Unfit("it has a user without a password"));
    }
    database(address).map(drop)
}

fn database(address: &Address) -> Result<i64, UrlFlaw> {
    if address.path.is_empty() {
        return Ok(0);
    }
    let number = address.path.parse::<u32>().map(i64::from);
    number.map_err(|_| UrlFlaw::Unfit("its path is not the number of a database"))
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
    fn a_url_that_cannot_be_meant_is_refused() {
        for (url, reason) in [
            ("redis://ann@h/", "a user without a password"),
            ("redis://h/one", "not the number of a database"),
            ("redis://h/-1", "not the number of a database"),
            ("redis://h/?protocol=resp3", "no such options"),
            ("nats://h", "redis:// or rediss://"),
        ] {
            let error = RedisEndpoints::parse(url).unwrap_err();
            assert_eq!(error.kind(), SetupErrorKind::Url);
            assert!(error.to_string().contains(reason), "{error}");
        }
    }

    #[test]
    fn all_urls_name_one_database_where_one_is_asked_for() {
        let database = |urls| RedisEndpoints::parse(urls).unwrap().database();
        for (urls, expected) in [
            ("redis://h", 0),
            ("redis://h/0", 0),
            ("redis://h/3/", 3),
            ("redis://a,redis://b", 0),
            ("redis://a/3,redis://b/3", 3),
        ] {
            assert_eq!(database(urls).unwrap(), expected, "{urls}");
        }
        assert!(database("redis://a/1,redis://b/2").is_err());
    }

    #[test]
    fn a_certificate_that_is_none_is_refused() {
        let mut endpoints = RedisEndpoints::parse("redis://h").unwrap();
        let error = endpoints.add_roots(b"none").unwrap_err();
        assert_eq!(error.kind(), SetupErrorKind::Certificate);
    }
}
