//! The server in memory, which opens clients.

use std::{
    fmt,
    future::Future,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::service::TowerToHyperService;
use parking_lot::Mutex;
use tokio::io::DuplexStream;
use tower::{BoxError, Service, util::MapRequest};

use super::{client::Client, error::Error, http1, http2};
use crate::middleware::PeerAddr;

/// A server in memory, around any service with the layer.
///
/// Its clients look like programs on this machine: they have a loopback address, and their `Host` is
/// `localhost` unless the request has another.
///
/// # Examples
///
/// ```
/// use axum::Router;
/// use http::Request;
/// use tower::Layer;
/// use web_connection_socket::{Config, WebConnectionSocketLayer, config::IpNet, testing::Server};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let office: IpNet = "10.1.0.0/16".parse()?;
/// let layer = WebConnectionSocketLayer::new(Config::new().allow_callers_from([office]));
/// let server = Server::new(layer.layer(Router::new())).peer("10.1.2.3:50123".parse()?);
///
/// let visit = Request::get("/").header("cookie", "session=of-ann").body(())?;
/// let mut ann = server.connect_with(visit).await?;
/// let broadcast = Request::post("/__broadcastWebSocket.wc").body(r#"{"action":"news"}"#)?;
/// assert_eq!(server.request(broadcast).await?.status(), 200);
/// assert_eq!(ann.receive().await?.action, "news");
///
/// let foreign = Request::get("/").header("origin", "https://evil.test").body(())?;
/// let error = server.connect_with(foreign).await.unwrap_err();
/// assert_eq!(error.refusal().unwrap().status(), 403);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Server {
    serve: Arc<dyn Fn(DuplexStream, PeerAddr, Http) + Send + Sync>,
    peer: PeerAddr,
    http: Http,
    timeout: Duration,
}

impl Server {
    /// Serves HTTP/1.1 over pipes of 64 KiB, each connection in a task of its own.
    ///
    /// Clients are opened within a tokio runtime.
    pub fn new<S, RB>(service: S) -> Self
    where
        S: Service<Request<Incoming>, Response = Response<RB>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        RB: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        // The lock makes it `Sync`, whether or not the service is.
        let service = Mutex::new(service);
        let serve = move |pipe, peer: PeerAddr, http| {
            let service = service.lock().clone();
            let service = MapRequest::new(service, move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(peer);
                request
            });
            let service = TowerToHyperService::new(service);
            match http {
                Http::One => http1::serve(pipe, service),
                Http::Two => http2::serve(pipe, service),
            }
        };
        Self {
            serve: Arc::new(serve),
            peer: PeerAddr(SocketAddr::from((Ipv4Addr::LOCALHOST, 49_152))),
            http: Http::One,
            timeout: DEFAULT_TIMEOUT,
        }
    }

    /// Speaks HTTP/2 on further connections.
    ///
    /// Sockets open by the extended `CONNECT` of RFC 8441, each on a connection of its own, once the
    /// server's settings have allowed it. A request's `Host` header becomes its `:authority`.
    ///
    /// # Examples
    ///
    /// ```
    /// use axum::Router;
    /// use tower::Layer;
    /// use web_connection_socket::{Config, SocketMessage, WebConnectionSocketLayer, testing::Server};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let layer = WebConnectionSocketLayer::new(Config::new()).relay();
    /// let server = Server::new(layer.layer(Router::new()));
    ///
    /// let mut old = server.connect("/").await?;
    /// let mut new = server.clone().http2().connect("/").await?;
    /// new.send(&SocketMessage::new("news")).await?;
    /// assert_eq!(old.receive().await?.action, "news");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn http2(mut self) -> Self {
        self.http = Http::Two;
        self
    }

    /// Sets the address that further connections come from.
    #[must_use]
    pub fn peer(mut self, address: SocketAddr) -> Self {
        self.peer = PeerAddr(address);
        self
    }

    /// Sets how long each wait of further clients may take: for a message, a handshake, a response.
    /// Default: 5 seconds of tokio's clock.
    ///
    /// A wait that takes longer ends with an error that lists what came before. Without this limit a
    /// test could hang, or spin under a paused clock, which jumps from ping to ping.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use axum::Router;
    /// use tower::Layer;
    /// use web_connection_socket::{Config, WebConnectionSocketLayer, testing::Server};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let layer = WebConnectionSocketLayer::new(Config::new());
    /// let server = Server::new(layer.layer(Router::new())).timeout(Duration::from_millis(100));
    /// let mut ann = server.connect("/").await?;
    /// assert!(ann.receive().await.unwrap_err().is_timeout());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Opens a socket at a path with query.
    ///
    /// # Errors
    ///
    /// If the server refuses the socket, breaks the connection, or does not answer within
    /// [`timeout`](Self::timeout).
    pub async fn connect(&self, path: &str) -> Result<Client, Error> {
        let request = Request::builder().uri(path).body(());
        self.connect_with(request.map_err(Error::other)?).await
    }

    /// Opens a socket with the path, query and headers of a request; the handshake's headers are added.
    ///
    /// # Errors
    ///
    /// If the server refuses the socket, breaks the connection, or does not answer within
    /// [`timeout`](Self::timeout).
    pub async fn connect_with(&self, request: Request<()>) -> Result<Client, Error> {
        let stream = self.in_time("the handshake was not answered", async {
            match self.http {
                Http::One => http1::connect(self.open(), &request).await,
                Http::Two => http2::connect(self.open(), request).await,
            }
        });
        Ok(Client::new(stream.await?, self.timeout))
    }

    /// Sends an HTTP request on a connection of its own and reads the whole response.
    ///
    /// # Errors
    ///
    /// If the server breaks the connection, or does not answer within [`timeout`](Self::timeout).
    pub async fn request(
        &self,
        request: Request<impl Into<Bytes>>,
    ) -> Result<Response<Bytes>, Error> {
        let request = request.map(|body| Full::new(body.into()));
        let answer = self.in_time("the request was not answered", async {
            match self.http {
                Http::One => http1::request(self.open(), request).await,
                Http::Two => http2::request(self.open(), request).await,
            }
        });
        answer.await
    }

    /// Opens a connection and returns its bytes, to send what no well-behaved client sends.
    #[must_use]
    pub fn open(&self) -> DuplexStream {
        let (client, server) = tokio::io::duplex(64 * 1024);
        (self.serve)(server, self.peer, self.http);
        client
    }

    async fn in_time<T>(
        &self,
        late: &'static str,
        answer: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        match tokio::time::timeout(self.timeout, Box::pin(answer)).await {
            Ok(answer) => answer,
            Err(_elapsed) => Err(Error::timed_out(late, self.timeout, String::new())),
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("peer", &self.peer)
            .field("http", &self.http)
            .finish_non_exhaustive()
    }
}

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// The version of HTTP that a connection speaks.
#[derive(Clone, Copy, Debug)]
enum Http {
    One,
    Two,
}
