//! The type [`Upstream`]: where the application listens, and every option of the way there.

use std::{fmt, time::Duration};

use http::{HeaderValue, Request, Response, uri::Scheme};
use http_body::Body;
use tower::{BoxError, Service};

use super::{
    body::UpstreamBody,
    client::{Client, ClientSource},
    error::UpstreamError,
    sign::SigningKey,
    url::{Base, broadcast_url},
};

/// A server that gets the messages and events of sockets as HTTP requests (feature `upstream`).
///
/// [`WebConnectionSocketLayer::upstream`](crate::WebConnectionSocketLayer::upstream) takes it. Each
/// message is a signed `POST` to the dispatch path (`/__WebSocket.<ext>`) of that server, which may be
/// written in any language; its answer can reply, regroup and close the socket. The server can be
/// restarted at any time: sockets stay open, and each message is answered, refused or declared unknown.
///
/// - A message that was certainly not sent, or answered 503 with `Retry-After`, waits
///   ([`hold`](Self::hold)) and is sent again.
/// - A message that may have been handled is never sent twice, unless
///   [`idempotent`](Self::idempotent) allows it: its sender gets the error `unknown_outcome`.
/// - `disconnect` events ([`Config::lifecycle_events`](crate::Config::lifecycle_events)) are sent until
///   the server has answered one with anything but 502, 504, or 503 with `Retry-After`: at least once
///   while the process lives. While 10 000 of them wait, upgrades are refused with 503.
///
/// It must sign its requests, or be told that it need not: call [`signing_keys`](Self::signing_keys) or
/// [`unsigned`](Self::unsigned).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use web_connection_socket::{Config, Upstream, WebConnectionSocketLayer};
///
/// # fn layer() -> Result<(), web_connection_socket::UpstreamError> {
/// let upstream = Upstream::new("http://127.0.0.1:8080")?
///     .signing_keys(["from-the-vault"])
///     .max_concurrency(28) // the size of the PHP pool
///     .hold(Duration::from_secs(30))
///     .broadcast_url("http://127.0.0.1:5200/__broadcastWebSocket.wc")?;
/// let layer = WebConnectionSocketLayer::new(Config::new()).upstream(upstream);
/// # Ok(())
/// # }
/// # layer().unwrap();
/// ```
#[derive(Clone)]
pub struct Upstream {
    pub(super) base: Base,
    pub(super) client: ClientSource,
    pub(super) header_timeout: Duration,
    pub(super) total_timeout: Duration,
    pub(super) max_concurrency: usize,
    pub(super) hold: Duration,
    /// `None` until keys or their absence are chosen.
    pub(super) keys: Option<Vec<SigningKey>>,
    pub(super) idempotent: bool,
    pub(super) broadcast_url: HeaderValue,
    pub(super) proto: Scheme,
}

impl Upstream {
    /// Creates an upstream at `http://host:port`, `https://host:port`, either with a directory that all
    /// paths begin with, or `unix:/path/of/the.sock`.
    ///
    /// An `https` URL needs the feature `client-tls`. It trusts the certificate authorities of this
    /// machine, which are read now, or those of `root_certificates`.
    ///
    /// # Errors
    ///
    /// If the URL is none of these, or `https` without the feature.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Upstream;
    ///
    /// assert!(Upstream::new("http://127.0.0.1:8080/shop").is_ok());
    /// assert!(Upstream::new("127.0.0.1:8080").is_err());
    /// ```
    pub fn new(url: &str) -> Result<Self, UpstreamError> {
        let base = Base::parse(url)?;
        let client = ClientSource::own(&base)?;
        Ok(Self::with(base, client))
    }

    /// Creates an upstream that is reached through any tower client service.
    ///
    /// The service gets requests with absolute URLs below `url`. It must not follow redirects nor send
    /// a request again by itself; an error that is, or has as a source, [`NotSent`](super::NotSent)
    /// says that a request did not leave. [`connect_timeout`](Self::connect_timeout) does not apply.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new); a `unix:` URL is refused, since the service opens the connections.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    ///
    /// use http::{Request, Response};
    /// use web_connection_socket::{Upstream, UpstreamBody};
    ///
    /// // Any client in its place.
    /// let client = tower::service_fn(|_: Request<UpstreamBody>| async {
    ///     Ok::<_, Infallible>(Response::new(String::new()))
    /// });
    /// let upstream = Upstream::with_client("http://app.internal", client)?;
    /// # Ok::<(), web_connection_socket::UpstreamError>(())
    /// ```
    pub fn with_client<S, B>(url: &str, service: S) -> Result<Self, UpstreamError>
    where
        S: Service<Request<UpstreamBody>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        let base = Base::parse(url)?;
        let client = ClientSource::given(&base, Client::new(service))?;
        Ok(Self::with(base, client))
    }

    fn with(base: Base, client: ClientSource) -> Self {
        Self {
            base,
            client,
            header_timeout: Duration::from_secs(30),
            total_timeout: Duration::from_secs(30),
            max_concurrency: 128,
            hold: Duration::from_secs(15),
            keys: None,
            idempotent: false,
            broadcast_url: HeaderValue::from_static(""),
            proto: Scheme::HTTP,
        }
    }

    /// Sets how long a connection may take to open, TLS included; 3 seconds by default.
    ///
    /// A message whose connection does not open has not been sent, so it waits under
    /// [`hold`](Self::hold).
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use]
    #[track_caller]
    pub fn connect_timeout(mut self, time: Duration) -> Self {
        self.client
            .set_connect_timeout(positive("connect_timeout", time));
        self
    }

    /// Sets how long the upstream may take from a request to the head of its answer; 30 seconds by
    /// default.
    ///
    /// A message that was sent and not answered in time gives its sender the error `timeout`.
    /// [`Config::dispatch_timeout`](crate::Config::dispatch_timeout) bounds it as well.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use]
    #[track_caller]
    pub fn header_timeout(mut self, time: Duration) -> Self {
        self.header_timeout = positive("header_timeout", time);
        self
    }

    /// Sets how long the upstream may take from a request to the end of its answer; 30 seconds by
    /// default.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use]
    #[track_caller]
    pub fn total_timeout(mut self, time: Duration) -> Self {
        self.total_timeout = positive("total_timeout", time);
        self
    }

    /// Sets how many requests the upstream gets at one time; 128 by default.
    ///
    /// Set it to the number of its workers: a PHP pool of 28 answers the 29th request no sooner, and a
    /// message that waits here can still be refused or kept. Messages wait in turn, one queue for each
    /// client, for [`Config::dispatch_timeout`](crate::Config::dispatch_timeout), and hold no place under
    /// [`Config::max_dispatches`](crate::Config::max_dispatches) meanwhile; then they get the error
    /// `overloaded`. `connect` and `disconnect` events count as well.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use]
    #[track_caller]
    pub fn max_concurrency(mut self, requests: usize) -> Self {
        assert!(requests > 0, "Upstream::max_concurrency: must not be zero");
        self.max_concurrency = requests;
        self
    }

    /// Sets how long messages wait for an upstream that does not listen, for example during a restart;
    /// 15 seconds by default, zero for not at all.
    ///
    /// What waits holds no place under [`Config::max_dispatches`](crate::Config::max_dispatches). One
    /// message at a time tries whether the upstream is back, and the others follow in their order. At
    /// most 10 000 messages wait, and 64 MiB of them, half of either for one client; beyond that, and at
    /// the end of the wait, the sender gets the error `unavailable` with `retry_after`.
    /// [`Config::dispatch_timeout`](crate::Config::dispatch_timeout) bounds the wait as well.
    #[must_use]
    pub fn hold(mut self, time: Duration) -> Self {
        self.hold = time;
        self
    }

    /// Signs each request with these keys (RFC 9421, `hmac-sha256`).
    ///
    /// The application sees only headers and paths, and the user's id is a header: the signature proves
    /// that this layer made them. Several keys make several signatures, `wcs` and `wcs2`, so that a key
    /// can be replaced without a gap: sign with the new and the old one, give the application the new
    /// one, then drop the old one. Each signature's `keyid` is the first 8 hexadecimal digits of the
    /// key's SHA-256. Use at least 32 random bytes or their text.
    ///
    /// # Panics
    ///
    /// If there is no key, or an empty one.
    #[must_use]
    #[track_caller]
    pub fn signing_keys(mut self, keys: impl IntoIterator<Item: AsRef<[u8]>>) -> Self {
        let keys: Vec<_> = keys
            .into_iter()
            .map(|key| {
                let key = key.as_ref();
                assert!(!key.is_empty(), "Upstream::signing_keys: a key is empty");
                SigningKey::new(key)
            })
            .collect();
        assert!(!keys.is_empty(), "Upstream::signing_keys: there is no key");
        self.keys = Some(keys);
        self
    }

    /// Sends requests without a signature: for a private network, where nothing else can reach the
    /// upstream.
    #[must_use]
    pub fn unsigned(mut self) -> Self {
        self.keys = Some(Vec::new());
        self
    }

    /// Allows a message that may have been handled to be sent once more, with the same
    /// `WebSocket-Message-Id`; off by default.
    ///
    /// The application must then recognise a repeated id, or its messages must do no harm when they are
    /// handled twice.
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Sets the URL to which the application posts its broadcasts, `WebSocket-Broadcast-Url` of each
    /// request; empty by default.
    ///
    /// It never depends on a request: an application that derived it from a visitor's `Host` would send
    /// its token wherever the visitor likes.
    ///
    /// # Errors
    ///
    /// If it is not `http://` or `https://` with a host, or has a query.
    pub fn broadcast_url(mut self, url: &str) -> Result<Self, UpstreamError> {
        self.broadcast_url = broadcast_url(url)?;
        Ok(self)
    }

    /// Sets the scheme by which clients reach this server, `X-Forwarded-Proto` of each request; `http` by
    /// default.
    ///
    /// Where [`Config::trusted_proxies`](crate::Config::trusted_proxies) forward a handshake, theirs
    /// counts.
    #[must_use]
    pub fn forwarded_proto(mut self, scheme: Scheme) -> Self {
        self.proto = scheme;
        self
    }
}

impl Upstream {
    /// Returns whether a choice between signed and unsigned requests was made.
    pub(in crate::middleware) fn is_signed_or_not(&self) -> bool {
        self.keys.is_some()
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream")
            .field("base", &self.base)
            .field("hold", &self.hold)
            .field("max_concurrency", &self.max_concurrency)
            .finish_non_exhaustive()
    }
}

#[track_caller]
fn positive(option: &str, time: Duration) -> Duration {
    assert!(!time.is_zero(), "Upstream::{option}: must not be zero");
    time
}
