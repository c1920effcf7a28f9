//! The type [`JetStreamHistory`] and its options.

use std::sync::Arc;

use super::place::{JetStreamServer, Names};
use crate::{
    backplane::{nats::NatsEndpoints, prefix::Prefix, remote::SetupError},
    history::{
        append::{Append, Appended},
        error::HistoryError,
        random::random,
        read::{Page, Read},
        remote::Remote,
        store::{BoxFuture, History},
    },
};

/// Keeps the history of streams in JetStream, the store of NATS servers from 2.9 (feature `nats`).
///
/// Each node has one connection, opened with the first call, and again after each loss for as long as
/// the store lives. What was sent over a connection that broke is sent again, and stored once. While
/// there is no connection, calls fail at once. The server needs `--jetstream`.
///
/// All streams are subjects `PREFIX.history.HASH` of one JetStream stream, `PREFIX-history`, which the
/// first node makes. Of each subject it keeps as much as the largest rule of all nodes asks for, and one
/// message more; a smaller rule is applied when its stream is read. Other settings may be changed on the
/// server, such as its replicas, its placement and how many bytes it keeps.
///
/// # When the server fails
///
/// - *It restarts or is killed*: nothing is lost that it has on its disk, and clients resume. By default
///   it hands its files to the disk every two minutes only (`sync_interval`): a machine that loses its
///   power may lose what it had confirmed. A node that knows of later entries than the server notices,
///   and all streams get another epoch, so that clients are told that they may have missed something.
///   If all nodes restarted too, none notices: clients then miss messages without being told. With three
///   [`replicas`](Self::replicas) on machines of their own, one may lose its power. They need a
///   current nats-server: tried with 2.15.1. Before 2.10 it may lose entries of a replicated stream without
///   a trace, and is refused.
/// - *The stream is purged*: clients are told what is gone, and the streams go on. *It is deleted*: it is
///   made again, with another epoch.
/// - *It is full*: it refuses entries, or drops the oldest ones, as it is set; no stream has a silent
///   hole. Do not delete single messages: their absence is not noticed.
/// - *An entry is larger than its `max_payload`* (1 MiB by default): that one is refused.
/// - *It does not answer*: calls fail after 2 s, and an entry may yet be stored.
///
/// # Costs
///
/// To know the entry before each of its own, even one that has expired, each node receives the headers of
/// all entries, some 200 bytes each, and keeps 100 bytes for each of up to 65 000 streams. The server reads
/// a stream by a consumer, which takes it about 0.4 ms per entry among 10 000 streams; so nodes read from
/// memory what they have there.
///
/// A user with permissions needs to publish to `PREFIX.history.*` and to `$JS.API.*.*.PREFIX-history`,
/// `$JS.API.STREAM.MSG.GET.PREFIX-history`, `$JS.API.CONSUMER.MSG.NEXT.PREFIX-history.*` and
/// `$JS.API.CONSUMER.DELETE.PREFIX-history.*`, and to subscribe to `PREFIX.stored.>` and `_INBOX.>`.
///
/// # Examples
///
/// ```no_run
/// use web_connection_socket::history::JetStreamHistory;
///
/// # fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let one = JetStreamHistory::new("nats://10.0.0.5")?.prefix("shop");
/// let cluster = JetStreamHistory::new("tls://ann:secret@10.0.0.5,tls://ann:secret@10.0.0.6")?.replicas(3);
///
/// let credentials = std::fs::read_to_string("/run/secrets/shop.creds")?;
/// let with_credentials = JetStreamHistory::new("tls://nats.internal")?.credentials(&credentials)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct JetStreamHistory(Remote<JetStreamServer>);

impl JetStreamHistory {
    /// Describes a server by its URL, or several of a cluster by theirs, separated by commas. Nothing is
    /// connected yet.
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
        Ok(Self(Remote::new(JetStreamServer {
            endpoints: NatsEndpoints::parse(urls)?,
            names: Names::new(&Prefix::default()),
            replicas: 1,
            publisher: random(),
            highest: Arc::default(),
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
        self.0.server_mut().names = Names::new(&Prefix::new(prefix));
        self
    }

    /// Sets on how many servers of a cluster the stream is made, 1 by default; with 3 or 5 it survives
    /// the loss of some. A stream that is there already keeps its own.
    ///
    /// # Panics
    ///
    /// Unless it is 1 to 5.
    #[must_use]
    #[track_caller]
    pub fn replicas(mut self, replicas: usize) -> Self {
        assert!(
            (1..=5).contains(&replicas),
            "JetStreamHistory::replicas: must be 1 to 5, but is {replicas}"
        );
        self.0.server_mut().replicas = replicas;
        self
    }

    /// Signs in with the text of a credentials file, which holds a user's JWT and key. A login in the
    /// URL is then left out.
    ///
    /// # Errors
    ///
    /// If the text holds no JWT or no key.
    pub fn credentials(mut self, text: &str) -> Result<Self, SetupError> {
        self.0.server_mut().endpoints.sign_in_with(text)?;
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
        self.0.server_mut().endpoints.add_roots(pem)?;
        Ok(self)
    }
}

impl History for JetStreamHistory {
    fn append(&self, append: Append) -> BoxFuture<'static, Result<Appended, HistoryError>> {
        self.0.append(append)
    }

    fn read(&self, read: Read) -> BoxFuture<'static, Result<Page, HistoryError>> {
        self.0.read(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_in_a_url_is_not_shown() {
        let history = JetStreamHistory::new("nats://hunter2@h,nats://g:1").unwrap();
        let debug = format!("{:?}", history.prefix("shop").replicas(3));
        for shown in ["nats://h:4222", "shop", "replicas: 3"] {
            assert!(debug.contains(shown), "{debug}");
        }
        assert!(!debug.contains("hunter2"), "{debug}");
    }
}
