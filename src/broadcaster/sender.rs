//! The type [`Broadcaster`].

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;

use super::answer::read_report;
use super::endpoint::parse_endpoint;
use super::error::{BroadcastError, Cause};
use super::transport;
use crate::protocol::{BroadcastReport, SocketMessage};

/// Sends messages to the sockets of a server by `POST …/__broadcastWebSocket.wc` (feature `client`).
///
/// It is meant for a cron job, a queue worker or another service; inside the server itself,
/// [`Hub::broadcast`](crate::Hub::broadcast) does the same without HTTP. The server must admit the
/// caller, best by a [`bearer_token`](Self::bearer_token).
///
/// A clone is cheap and shares the connections: at most 8 idle ones are kept, for 30 seconds. They
/// belong to the tokio runtime in which they were opened, so use one broadcaster per runtime.
/// It follows no redirects and uses no proxies of the environment.
///
/// # Examples
///
/// ```no_run
/// use web_connection_socket::Broadcaster;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let token = std::env::var("WEBCONNECTION_BROADCAST_TOKEN")?;
/// let broadcaster = Broadcaster::new("http://10.0.0.7:5200/shop")?.bearer_token(&token)?;
///
/// let message = broadcaster
///     .create_message()
///     .text("order 17 has left the house")
///     .to_user("ann");
/// let report = broadcaster.broadcast(&message).await?;
/// println!("{} of {} sockets", report.queued, report.matched);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Broadcaster {
    endpoint: Uri,
    authorization: Option<HeaderValue>,
    timeout: Duration,
    pub(super) trust: transport::Trust,
    pub(super) client: Client<transport::Connector, Full<Bytes>>,
}

impl Broadcaster {
    /// Creates a sender to the application at `base_url` (`cBaseUrl`), such as
    /// `https://app.example/shop`: the URL up to its virtual directory, without
    /// `__broadcastWebSocket.wc`.
    ///
    /// An `https` URL needs the feature `client-tls`. The certificate authorities of this machine are
    /// then read at once, from files; `SSL_CERT_FILE` and `SSL_CERT_DIR` name others.
    ///
    /// # Errors
    ///
    /// If the URL is not `http://` or `https://` with a host and an optional port and path, or if it is
    /// `https://` without the feature.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Broadcaster, BroadcastErrorKind};
    ///
    /// let broadcaster = Broadcaster::new("http://localhost:5200/")?;
    ///
    /// let error = Broadcaster::new("ws://localhost:5200/").unwrap_err();
    /// assert_eq!(error.kind(), BroadcastErrorKind::Url);
    /// # Ok::<(), web_connection_socket::BroadcastError>(())
    /// ```
    pub fn new(base_url: &str) -> Result<Self, BroadcastError> {
        let endpoint = parse_endpoint(base_url)?;
        let trust = transport::Trust::for_endpoint(&endpoint)?;
        Ok(Self {
            endpoint,
            authorization: None,
            timeout: Duration::from_secs(10),
            client: client(&trust),
            trust,
        })
    }

    /// Sends a token as `Authorization: Bearer` with every message; none by default.
    ///
    /// Over `http://` it travels unencrypted. It is never logged nor shown by `Debug`.
    ///
    /// # Errors
    ///
    /// If the token is empty, or not visible ASCII without spaces.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Broadcaster;
    ///
    /// let broadcaster = Broadcaster::new("http://localhost:5200/")?.bearer_token("from-the-vault")?;
    /// # Ok::<(), web_connection_socket::BroadcastError>(())
    /// ```
    pub fn bearer_token(mut self, token: &str) -> Result<Self, BroadcastError> {
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Cause::Token.into());
        }
        let mut value =
            HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| Cause::Token)?;
        value.set_sensitive(true);
        self.authorization = Some(value);
        Ok(self)
    }

    /// Sets how long one broadcast may take, from connecting to the whole answer; 10 seconds by default.
    ///
    /// With a longer time a server that hangs delays the caller; with a time that is too short for a
    /// healthy server, accepted messages are reported as failed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use web_connection_socket::Broadcaster;
    ///
    /// let broadcaster =
    ///     Broadcaster::new("http://localhost:5200/")?.timeout(Duration::from_secs(2));
    /// # Ok::<(), web_connection_socket::BroadcastError>(())
    /// ```
    #[must_use]
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = time;
        self
    }

    /// Creates an empty message for all sockets, to be filled and addressed.
    ///
    /// Short for [`SocketMessage::default`]: a message does not depend on its sender.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Broadcaster;
    ///
    /// let broadcaster = Broadcaster::new("http://localhost:5200/")?;
    /// let mut message = broadcaster.create_message().text("closing time").to_group("staff");
    /// message.action = "notice".into();
    /// # Ok::<(), web_connection_socket::BroadcastError>(())
    /// ```
    #[must_use]
    pub fn create_message(&self) -> SocketMessage {
        SocketMessage::default()
    }

    /// Sends a message to the sockets that its recipients select, and returns how many there are.
    ///
    /// Each socket receives the messages of consecutive calls in their order. A failed message is not
    /// sent again, unless an idle connection turns out to be closed before the message left.
    ///
    /// # Errors
    ///
    /// If no connection opens, the whole answer does not arrive within [`timeout`](Self::timeout), the
    /// server refuses, or its answer is not a report. [`BroadcastErrorKind`](crate::BroadcastErrorKind)
    /// says in which cases the message may have been sent nevertheless.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe for the broadcaster, which stays usable. Whether the message was sent is unknown
    /// after a cancelled call, as it is after a timeout.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use web_connection_socket::{BroadcastErrorKind, Broadcaster, SocketMessage};
    ///
    /// # async fn run(broadcaster: Broadcaster) {
    /// match broadcaster.broadcast(&SocketMessage::new("refresh")).await {
    ///     Ok(report) => println!("queued for {} sockets", report.queued),
    ///     Err(error) if error.kind() == BroadcastErrorKind::Refused => {
    ///         eprintln!("not allowed: {}", error.detail().unwrap_or("no reason given"));
    ///     }
    ///     Err(error) => eprintln!("{error}"),
    /// }
    /// # }
    /// ```
    pub async fn broadcast(
        &self,
        message: &SocketMessage,
    ) -> Result<BroadcastReport, BroadcastError> {
        let request = self.request(message.encode());
        let exchange = async {
            let response = self
                .client
                .request(request)
                .await
                .map_err(Cause::of_client)?;
            read_report(response).await
        };
        match timeout(self.timeout, exchange).await {
            Ok(result) => Ok(result?),
            Err(_elapsed) => Err(Cause::Timeout(self.timeout).into()),
        }
    }

    fn request(&self, json: Vec<u8>) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::from(json));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.endpoint.clone();
        let headers = request.headers_mut();
        let json = HeaderValue::from_static("application/json");
        headers.insert(CONTENT_TYPE, json.clone());
        headers.insert(ACCEPT, json);
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        request
    }
}

impl fmt::Debug for Broadcaster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broadcaster")
            .field("endpoint", &self.endpoint)
            .field("authorization", &self.authorization)
            .field("timeout", &self.timeout)
            .field("trust", &self.trust)
            .finish_non_exhaustive()
    }
}

pub(super) fn client(trust: &transport::Trust) -> Client<transport::Connector, Full<Bytes>> {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    // The scheme of the endpoint was checked already.
    tcp.enforce_http(false);
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(MAX_IDLE)
        .build(trust.connector(tcp))
}

const AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// Proxies often close connections that were idle for a minute; a message on such a connection is lost.
const IDLE: Duration = Duration::from_secs(30);

const MAX_IDLE: usize = 8;
