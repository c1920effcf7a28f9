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

use std::{
    error::Error as StdError,
    fmt,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderValue, Request, Response, header::HOST};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use parking_lot::Mutex;
use tokio::io::DuplexStream;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{self, Message, client::IntoClientRequest, protocol::CloseFrame},
};
use tower::{BoxError, Service, util::MapRequest};

use crate::{
    hub::CloseReason,
    middleware::PeerAddr,
    protocol::{MessageError, SocketMessage},
};

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
/// let layer = WebConnectionSocketLayer::new(Config::new().allow_broadcast_from([office]));
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
    serve: Arc<dyn Fn(DuplexStream, PeerAddr) + Send + Sync>,
    peer: PeerAddr,
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
        let serve = move |pipe, peer: PeerAddr| {
            let service = service.lock().clone();
            let service = MapRequest::new(service, move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(peer);
                request
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(pipe), TowerToHyperService::new(service))
                .with_upgrades();
            #[expect(clippy::disallowed_methods, reason = "each connection has its task")]
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a test connection failed");
                }
            });
        };
        Self {
            serve: Arc::new(serve),
            peer: PeerAddr(SocketAddr::from((Ipv4Addr::LOCALHOST, 49_152))),
        }
    }

    /// Lets further connections come from another address.
    #[must_use]
    pub fn peer(mut self, address: SocketAddr) -> Self {
        self.peer = PeerAddr(address);
        self
    }

    /// Opens a socket at a path with query.
    ///
    /// # Errors
    ///
    /// If the server refuses, or breaks the connection.
    pub async fn connect(&self, path: &str) -> Result<Client, Error> {
        let request = Request::builder().uri(path).body(());
        self.connect_with(request.map_err(Error::other)?).await
    }

    /// Opens a socket with a request of your own: its path, query and headers are sent; the
    /// handshake's headers are added.
    ///
    /// # Errors
    ///
    /// If the server refuses, or breaks the connection.
    pub async fn connect_with(&self, request: Request<()>) -> Result<Client, Error> {
        let path = request
            .uri()
            .path_and_query()
            .map_or("/", |path| path.as_str());
        let mut handshake = format!("ws://localhost{path}")
            .into_client_request()
            .map_err(Error::of_tungstenite)?;
        for (name, value) in request.headers() {
            if name == HOST {
                handshake.headers_mut().insert(name, value.clone());
            } else {
                handshake.headers_mut().append(name, value.clone());
            }
        }
        let (stream, _response) = tokio_tungstenite::client_async(handshake, self.open())
            .await
            .map_err(Error::of_tungstenite)?;
        Ok(Client { stream })
    }

    /// Sends a plain HTTP request on a connection of its own and reads the whole answer.
    ///
    /// # Errors
    ///
    /// If the server breaks the connection.
    pub async fn request(
        &self,
        request: Request<impl Into<Bytes>>,
    ) -> Result<Response<Bytes>, Error> {
        let mut request = request.map(|body| Full::new(body.into()));
        let headers = request.headers_mut();
        headers
            .entry(HOST)
            .or_insert(HeaderValue::from_static("localhost"));
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(self.open()))
                .await
                .map_err(Error::other)?;
        let exchange = async {
            let response = sender.send_request(request).await.map_err(Error::other)?;
            let (parts, body) = response.into_parts();
            let body = body.collect().await.map_err(Error::other)?.to_bytes();
            Ok(Response::from_parts(parts, body))
        };
        tokio::pin!(exchange);
        tokio::select! {
            response = &mut exchange => response,
            // The answer may have come whole before the end.
            ended = connection => exchange.await.map_err(|error| match ended {
                Ok(()) => error,
                Err(cause) => Error::other(cause),
            }),
        }
    }

    /// Opens a connection and hands over its bytes: for what no well-behaved client sends.
    #[must_use]
    pub fn open(&self) -> DuplexStream {
        let (client, server) = tokio::io::duplex(64 * 1024);
        (self.serve)(server, self.peer);
        client
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

/// An open socket, seen from the client. It answers pings while it is read.
///
/// # Examples
///
/// ```
/// use axum::Router;
/// use tower::Layer;
/// use web_connection_socket::{CloseReason, Config, WebConnectionSocketLayer, testing::Server};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let layer = WebConnectionSocketLayer::new(Config::new());
/// let server = Server::new(layer.layer(Router::new()));
///
/// let mut ann = server.connect("/").await?;
/// ann.send_text("no JSON").await?;
/// assert!(ann.receive_text().await?.contains("bad_message"));
/// assert_eq!(ann.close(CloseReason::NORMAL).await?.code(), 1000);
///
/// let mut bob = server.connect("/").await?;
/// bob.send_binary("bytes").await?;
/// assert_eq!(bob.receive().await.unwrap_err().close_reason().unwrap().code(), 1003);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Client {
    stream: WebSocketStream<DuplexStream>,
}

impl Client {
    /// Sends a message.
    ///
    /// # Errors
    ///
    /// If the socket is closed.
    pub async fn send(&mut self, message: &SocketMessage) -> Result<(), Error> {
        let json = String::from_utf8(message.encode()).map_err(Error::other)?;
        self.send_text(json).await
    }

    /// Sends a text frame, whatever it holds.
    ///
    /// # Errors
    ///
    /// If the socket is closed.
    pub async fn send_text(&mut self, text: impl Into<String>) -> Result<(), Error> {
        self.send_frame(Message::text(text.into())).await
    }

    /// Sends a binary frame.
    ///
    /// # Errors
    ///
    /// If the socket is closed.
    pub async fn send_binary(&mut self, bytes: impl Into<Bytes>) -> Result<(), Error> {
        self.send_frame(Message::binary(bytes)).await
    }

    /// Waits for the next message. Pings are answered, pongs passed over.
    ///
    /// # Errors
    ///
    /// If the socket is closed, or what it received is not a message.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no message is lost.
    pub async fn receive(&mut self) -> Result<SocketMessage, Error> {
        let text = self.receive_text().await?;
        match SocketMessage::from_slice(text.as_bytes()) {
            Ok(message) => Ok(message),
            Err(error) => Err(Error::not_a_message(text, error)),
        }
    }

    /// Waits for the next text frame, as it is. Error frames are read with this.
    ///
    /// # Errors
    ///
    /// If the socket is closed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no frame is lost.
    pub async fn receive_text(&mut self) -> Result<String, Error> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
                Some(Ok(Message::Close(frame))) => return Err(Error::closed(frame)),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(Error::of_tungstenite(error)),
                None => return Err(Error::closed(None)),
            }
        }
    }

    /// Reads on until the server closes the socket and tells why; 1006 if the connection broke.
    /// Messages that come before are passed over.
    pub async fn closed(&mut self) -> CloseReason {
        loop {
            if let Err(error) = self.receive_text().await {
                return match error.kind {
                    ErrorKind::Closed(reason) => reason,
                    _ => CloseReason::LOST,
                };
            }
        }
    }

    /// Closes the socket and waits until the server has answered.
    ///
    /// # Errors
    ///
    /// If the connection breaks first.
    pub async fn close(mut self, reason: CloseReason) -> Result<CloseReason, Error> {
        let frame = CloseFrame {
            code: reason.code().into(),
            reason: reason.reason().into(),
        };
        self.send_frame(Message::Close(Some(frame))).await?;
        Ok(self.closed().await)
    }

    /// Gives up the frames and hands over the bytes of the connection.
    #[must_use]
    pub fn into_inner(self) -> DuplexStream {
        self.stream.into_inner()
    }

    async fn send_frame(&mut self, frame: Message) -> Result<(), Error> {
        self.stream.send(frame).await.map_err(Error::of_tungstenite)
    }
}

/// Why a test client could not go on. The examples of [`Server`] and [`Client`] look into it.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
}

#[derive(Debug)]
enum ErrorKind {
    Refused(Box<Response<Bytes>>),
    Closed(CloseReason),
    NotAMessage { text: String, error: MessageError },
    Other(BoxError),
}

impl Error {
    /// The answer to a handshake that was refused.
    #[must_use]
    pub fn refusal(&self) -> Option<&Response<Bytes>> {
        match &self.kind {
            ErrorKind::Refused(response) => Some(response),
            _ => None,
        }
    }

    /// Why the server closed the socket.
    #[must_use]
    pub fn close_reason(&self) -> Option<&CloseReason> {
        match &self.kind {
            ErrorKind::Closed(reason) => Some(reason),
            _ => None,
        }
    }

    fn closed(frame: Option<CloseFrame>) -> Self {
        let reason = match frame {
            Some(frame) => {
                CloseReason::received(frame.code.into(), frame.reason.as_str().to_owned())
            }
            None => CloseReason::NO_STATUS,
        };
        Self {
            kind: ErrorKind::Closed(reason),
        }
    }

    fn not_a_message(text: String, error: MessageError) -> Self {
        Self {
            kind: ErrorKind::NotAMessage { text, error },
        }
    }

    fn of_tungstenite(error: tungstenite::Error) -> Self {
        let kind = match error {
            tungstenite::Error::Http(response) => {
                let response = response.map(|body| Bytes::from(body.unwrap_or_default()));
                ErrorKind::Refused(Box::new(response))
            }
            tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => {
                ErrorKind::Closed(CloseReason::NO_STATUS)
            }
            error => ErrorKind::Other(error.into()),
        };
        Self { kind }
    }

    fn other(error: impl Into<BoxError>) -> Self {
        Self {
            kind: ErrorKind::Other(error.into()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ErrorKind::Refused(response) => {
                let body = String::from_utf8_lossy(response.body());
                write!(
                    f,
                    "the socket was refused with {}: {body}",
                    response.status()
                )
            }
            ErrorKind::Closed(reason) => write!(f, "the socket was closed: {reason}"),
            ErrorKind::NotAMessage { text, error } => {
                write!(f, "the socket received no message ({error}): {text}")
            }
            ErrorKind::Other(error) => write!(f, "the connection failed: {error}"),
        }
    }
}

impl StdError for Error {}
