//! The type [`RedisHistory`] and its options.

use super::{place::RedisServer, scripts::Keys};
use crate::{
    backplane::{prefix::Prefix, redis::RedisEndpoints, remote::SetupError},
    history::{
        append::{Append, Appended},
        error::HistoryError,
        random::random,
        read::{Page, Read},
        remote::Remote,
        store::{BoxFuture, History},
    },
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
#[derive(Debug)]
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
        let endpoints = RedisEndpoints::parse(urls)?;
        Ok(Self(Remote::new(RedisServer {
            database: endpoints.database()?,
            endpoints,
            keys: Keys::new(&Prefix::default()),
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
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.0.server_mut().keys = Keys::new(&Prefix::new(prefix));
        self
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
    pub fn trust_restarts(mut self) -> Self {
        self.0.server_mut().trusts_restarts = true;
        self
    }

    /// Trusts the certificate authorities in `pem` in addition to those of the machine.
    ///
    /// It may hold a private authority, or the self-signed certificate of the server.
    ///
    /// # Errors
    ///
    /// If `pem` holds no certificate in PEM form, or one that is not valid.
    pub fn root_certificates(mut self, pem: &[u8]) -> Result<Self, SetupError> {
        self.0.server_mut().endpoints.add_roots(pem)?;
        Ok(self)
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

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, time::Duration};

    use super::*;
    use crate::{
        backplane::SetupErrorKind,
        history::{HistoryErrorKind, Retention, StreamKey},
    };

    #[test]
    fn a_history_lies_in_one_database() {
        let error = RedisHistory::new("redis://:hunter2@h/1,redis://h/2").unwrap_err();
        assert_eq!(error.kind(), SetupErrorKind::Url);
        assert!(error.to_string().contains("another database"), "{error}");
        let redis = RedisHistory::new("redis://ann:hunter2@h/3,redis://g/3").unwrap();
        let debug = format!("{:?}", redis.prefix("shop").trust_restarts());
        for shown in [
            "redis://h:6379",
            "database: 3",
            "{shop}/history",
            "trusts_restarts: true",
        ] {
            assert!(debug.contains(shown), "{debug}");
        }
        assert!(!debug.contains("hunter2"), "{debug}");
    }

    #[tokio::test]
    async fn without_a_server_calls_fail_at_once_after_the_first_and_say_why() {
        // Nothing listens on a port that was free a moment ago.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        drop(listener);
        let redis = RedisHistory::new(&url).unwrap();
        let keep = Retention::new(1, Duration::from_secs(1));
        let append = Append::new(StreamKey::new(1), 1, "x".into(), keep);
        for _ in 0..2 {
            let error = redis.append(append.clone()).await.unwrap_err();
            assert_eq!(error.kind(), HistoryErrorKind::Unreachable);
            assert!(error.to_string().contains(&url), "{error}");
        }
        let read = Read::newest(StreamKey::new(1), 1, 1, keep);
        let error = redis.read(read).await.unwrap_err();
        assert_eq!(error.kind(), HistoryErrorKind::Unreachable);
    }
}
