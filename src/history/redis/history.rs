//! The type [`RedisHistory`] and its options.

use std::fmt;

use super::{place::RedisServer, scripts::Keys};
use crate::{
    backplane::{
        prefix::Prefix,
        remote::{Address, Addresses, Schemes, SetupError, UrlFlaw},
    },
    history::{
        append::{Append, Appended},
        error::HistoryError,
        random::random,
        read::{Page, Read},
        remote::Remote,
        store::{BoxFuture, History},
    },
    tls::Trust,
};

/// Keeps the history of streams in Redis 6.2 or later, Valkey or a Redis Cluster (feature `redis`).
///
/// Each node has one connection, opened with the first call, and again after each loss for as long as
/// the store lives. What was sent over a connection that broke is sent again, and stored once. While
/// there is no connection, calls fail at once.
///
/// # When the server fails
///
/// - *It restarts, or a replica takes over*: it may have lost entries that it had confirmed, as Redis
///   writes to its disk and its replicas later. So all streams get another epoch, and clients are told that
///   they may have missed something. The entries that it still has stay. A server that is known to lose
///   nothing needs [`trust_restarts`](Self::trust_restarts).
/// - *It is emptied* (`FLUSHALL`, a restart without a file): the same, and the entries are gone.
/// - *It is full* (`maxmemory`): with the policy `noeviction` it refuses entries, which are then not
///   kept. With another policy it evicts keys: the streams that lack entries say so, and none has a silent
///   hole.
/// - *It does not answer*: calls fail after 2 s, and an entry may yet be stored.
///
/// # Costs
///
/// An entry takes about 10 µs of the server's time and five commands. A stream is two keys,
/// `{PREFIX}/history/HASH` and the same with `/meta`, which expire after two and a half times the age of its
/// rule. It holds 100 000 entries at most, however many its rule asks for. All keys have one hash tag: in a
/// cluster, one server has all streams of a prefix, and is found through any other one; name several,
/// separated by commas. While that slot moves to another server, entries of streams that have left, or have
/// not arrived, are refused; afterwards all streams have a new epoch.
///
/// A user with an access list needs:
/// `ACL SETUSER shop on >PASSWORD ~{shop}/history* -@all +evalsha +eval +script|load +info +exists +hmget +hset +hgetall +hdel +xadd +xrevrange +xtrim +pexpire +del +time`.
///
/// # Examples
///
/// ```no_run
/// use web_connection_socket::history::RedisHistory;
///
/// # fn run() -> Result<(), web_connection_socket::backplane::SetupError> {
/// let one = RedisHistory::new("redis://10.0.0.5/")?.prefix("shop");
/// let durable = RedisHistory::new("rediss://shop:p%40ssword@redis.internal:6380/2")?.trust_restarts();
/// # Ok(())
/// # }
/// ```
pub struct RedisHistory(Remote<RedisServer>);

impl RedisHistory {
    /// Describes a server by its URL, or several of a cluster by theirs, separated by commas. Nothing is
    /// connected yet.
    ///
    /// A URL is `redis://USER:PASSWORD@HOST:PORT/DATABASE`, or `rediss://` for TLS; user, port (6379) and
    /// the number of the database (0) may be left out, and signs with a meaning in URLs are
    /// percent-encoded. For `rediss://` the certificate authorities of this machine are read at once, from
    /// files; `SSL_CERT_FILE` and `SSL_CERT_DIR` name others.
    ///
    /// # Errors
    ///
    /// If a URL is not like that, or URLs name different databases.
    pub fn new(urls: &str) -> Result<Self, SetupError> {
        let addresses = Addresses::parse(urls, &SCHEMES)?;
        let database = database(&addresses)?;
        let is_tls = addresses.iter().any(|address| address.is_tls);
        Ok(Self(Remote::new(RedisServer {
            addresses,
            database,
            keys: Keys::new(&Prefix::default()),
            trust: Trust::of_machine(is_tls)?,
            trusts_restarts: false,
            publisher: format!("{:x}", random()),
        })))
    }

    /// Sets the prefix that keeps applications apart which share a server. The default is
    /// `web-connection-socket`.
    ///
    /// # Panics
    ///
    /// Unless it is 1 to 64 ASCII letters, digits, `-`, `_` or `:`.
    #[must_use]
    #[track_caller]
    pub fn prefix(self, prefix: &str) -> Self {
        let keys = Keys::new(&Prefix::new(prefix));
        Self(self.0.with(|server| RedisServer { keys, ..server }))
    }

    /// Keeps the epochs of streams when the server restarts or a replica takes over, so that clients
    /// resume as if nothing had happened.
    ///
    /// Only a server that has every confirmed entry then may be trusted: one that writes its file before
    /// it answers (`appendfsync always`) and has no replicas that take over, or a service that promises
    /// as much. With any other, clients miss messages and are not told.
    ///
    /// It must be the same on all nodes: where only some have it, each entry of the others gives its
    /// stream another epoch, and clients are told again and again that they may have missed something.
    /// So change it on all at once.
    #[must_use]
    pub fn trust_restarts(self) -> Self {
        Self(self.0.with(|server| RedisServer {
            trusts_restarts: true,
            ..server
        }))
    }

    /// Trusts the certificate authorities in `pem` in addition to those of the machine.
    ///
    /// It may hold a private authority, or the self-signed certificate of the server.
    ///
    /// # Errors
    ///
    /// If `pem` holds no certificate in PEM form, or one that is not valid.
    pub fn root_certificates(self, pem: &[u8]) -> Result<Self, SetupError> {
        let trust = self.0.server().trust.with_pem(pem)?;
        Ok(Self(self.0.with(|server| RedisServer { trust, ..server })))
    }
}

impl History for RedisHistory {
    fn append(&self, append: Append) -> BoxFuture<'static, Result<Appended, HistoryError>> {
        self.0.append(append)
    }

    fn read(&self, read: Read) -> BoxFuture<'static, Result<Page, HistoryError>> {
        self.0.read(read)
    }
}

impl fmt::Debug for RedisHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = self.0.server();
        f.debug_struct("RedisHistory")
            .field("addresses", &server.addresses)
            .field("keys", &server.keys)
            .field("trust", &server.trust)
            .field("trusts_restarts", &server.trusts_restarts)
            .finish_non_exhaustive()
    }
}

/// Returns the number of the database that all URLs name.
fn database(addresses: &Addresses) -> Result<i64, UrlFlaw> {
    let mut databases = addresses.iter().map(database_of);
    let first = databases.next().unwrap_or(Ok(0))?;
    for database in databases {
        if database? != first {
            return Err(UrlFlaw::Unfit("it names another database than the first"));
        }
    }
    Ok(first)
}

fn database_of(address: &Address) -> Result<i64, UrlFlaw> {
    if address.user.is_some() && address.password.is_none() {
        return Err(UrlFlaw::Unfit("it has a user without a password"));
    }
    if address.path.is_empty() {
        return Ok(0);
    }
    let number = address.path.parse::<u16>();
    let number = number.map_err(|_| UrlFlaw::Unfit("its path is not the number of a database"))?;
    Ok(number.into())
}

static SCHEMES: Schemes = Schemes {
    plain: "redis",
    tls: "rediss",
    port: 6379,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backplane::SetupErrorKind;

    #[test]
    fn a_url_is_refused_at_once_and_a_password_in_it_is_not_repeated() {
        for (url, reason) in [
            ("redis://ann@h/", "a user without a password"),
            ("redis://:hunter2@h/one", "not the number of a database"),
            ("redis://:hunter2@h/-1", "not the number of a database"),
            ("redis://:hunter2@h/1,redis://h/2", "another database"),
            ("redis://:hunter2@h/?protocol=resp3", "no such options"),
            ("nats://:hunter2@h", "redis:// or rediss://"),
        ] {
            let error = RedisHistory::new(url).unwrap_err();
            let text = error.to_string();
            assert!(
                text.contains(reason) && text.contains("not tried"),
                "{text}"
            );
            assert!(!format!("{text} {error:?}").contains("hunter2"));
            assert_eq!(error.kind(), SetupErrorKind::Url);
        }
        let redis = RedisHistory::new("redis://ann:hunter2@h/3,redis://g/3").unwrap();
        assert_eq!(redis.0.server().database, 3);
        let debug = format!("{:?}", redis.prefix("shop").trust_restarts());
        assert!(
            debug.contains("redis://h:6379") && debug.contains("{shop}/history"),
            "{debug}"
        );
        assert!(!debug.contains("hunter2"), "{debug}");
    }

    #[tokio::test]
    async fn without_a_server_calls_fail_at_once_after_the_first_and_say_why() {
        use std::time::Duration;

        use crate::history::{HistoryErrorKind, Retention, StreamKey};

        // Nothing listens on port 1.
        let redis = RedisHistory::new("redis://127.0.0.1:1/").unwrap();
        let keep = Retention::new(1, Duration::from_secs(1));
        let append = Append::new(StreamKey::new(1), 1, "x".into(), keep);
        for _ in 0..2 {
            let error = redis.append(append.clone()).await.unwrap_err();
            assert_eq!(error.kind(), HistoryErrorKind::Unreachable);
            assert!(error.to_string().contains("redis://127.0.0.1:1"), "{error}");
        }
        let read = Read::newest(StreamKey::new(1), 1, 1, keep);
        let error = redis.read(read).await.unwrap_err();
        assert_eq!(error.kind(), HistoryErrorKind::Unreachable);
    }
}
