//! A client for your own tests of an application with sockets (feature `testing`): over pipes in
//! memory, without a port, and with tokio's paused time.
//!
//! # Examples
//!
//! ```
//! use axum::Router;
//! use tower::Layer;
//! use web_connection_socket::{Config, Socket, SocketMessage, WebConnectionSocketLayer, testing::Server};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let layer = WebConnectionSocketLayer::new(Config::new())
//!     .on_web_socket(|socket: Socket| async move { socket.reply(socket.message()) });
//! let server = Server::new(layer.layer(Router::new()));
//!
//! let mut ann = server.connect("/?userId=ann").await?;
//! ann.send(&SocketMessage::new("echo").text("hello")).await?;
//! assert_eq!(ann.receive().await?.message, "hello");
//! # Ok(())
//! # }
//! ```

mod client;
mod error;
mod http1;
mod http2;
mod seen;

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
use tokio::{io::DuplexStream, time::timeout};
use tower::{BoxError, Service, util::MapRequest};

pub use self::{client::Client, error::Error};
use crate::middleware::PeerAddr;

/// A server in memory around any service with our layer.
///
/// Its clients look like programs on this machine: their address is a loopback one, and `Host` is
/// `localhost` unless a request says otherwise.
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
    patience: Duration,
}

impl Server {
    /// Serves HTTP/1.1 over pipes of 64 KiB, each connection in a task of its own. Connections are
    /// made within a tokio runtime.
    pub fn new<S, RB>(service: S) -> Self
    where
        S: Service<Request<Incoming>, Response = Response<RB>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        RB: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        // The lock makes it shareable, whether or not the service is.
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
            patience: PATIENCE,
        }
    }

    /// Speaks HTTP/2 on further connections: sockets are extended `CONNECT`s (RFC 8441), each on a
    /// connection of its own.
    ///
    /// A socket is not asked for before the server's settings, which allow it, have arrived. A `Host`
    /// header of a request becomes its `:authority`.
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

    /// Lets further connections come from another address.
    #[must_use]
    pub fn peer(mut self, address: SocketAddr) -> Self {
        self.peer = PeerAddr(address);
        self
    }

    /// Sets how long further clients wait to receive something, and for the answers to their handshakes
    /// and requests: 5 s of tokio's clock by default.
    ///
    /// After that a wait ends with an error that lists what came before. Without an end it would hang,
    /// and with a paused clock spin: pings and their answers keep a socket alive, and the clock jumps
    /// from each to the next.
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
    /// let server = Server::new(layer.layer(Router::new())).patience(Duration::from_millis(100));
    /// let mut ann = server.connect("/").await?;
    /// assert!(ann.receive().await.unwrap_err().is_timeout());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Opens a socket at a path with query.
    ///
    /// # Errors
    ///
    /// If the server refuses, breaks the connection, or does not answer in time
    /// ([`patience`](Self::patience)).
    pub async fn connect(&self, path: &str) -> Result<Client, Error> {
        let request = Request::builder().uri(path).body(());
        self.connect_with(request.map_err(Error::other)?).await
    }

    /// Opens a socket with a request of your own: its path, query and headers are sent; the
    /// handshake's headers are added.
    ///
    /// # Errors
    ///
    /// If the server refuses, breaks the connection, or does not answer in time
    /// ([`patience`](Self::patience)).
    pub async fn connect_with(&self, request: Request<()>) -> Result<Client, Error> {
        let stream = self.in_time("the handshake was not answered", async {
            match self.http {
                Http::One => http1::connect(self.open(), &request).await,
                Http::Two => http2::connect(self.open(), request).await,
            }
        });
        Ok(Client::new(stream.await?, self.patience))
    }

    /// Sends a plain HTTP request on a connection of its own and reads the whole answer.
    ///
    /// # Errors
    ///
    /// If the server breaks the connection, or does not answer in time
    /// ([`patience`](Self::patience)).
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

    /// Opens a connection and hands over its bytes: for what no well-behaved client sends.
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
        match timeout(self.patience, Box::pin(answer)).await {
            Ok(answer) => answer,
            Err(_elapsed) => Err(Error::timed_out(late, self.patience, String::new())),
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

const PATIENCE: Duration = Duration::from_secs(5);

/// The version of HTTP that a connection speaks.
#[derive(Clone, Copy, Debug)]
enum Http {
    One,
    Two,
}
