//! The server and its options.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use tokio::net::TcpListener;

use super::{activity::Limits, connection::Terms, listener::Listener};
use crate::hub::Hub;

/// Serves an application with sockets: what `axum::serve` does, and what sockets want beside it.
///
/// - The application may be any tower service around the layer, with whatever body and error the
///   layers outside make of it: CORS, sessions, compression, body limits.
/// - HTTP/1.1 and HTTP/2 share the port, without TLS as behind a proxy, or [with](Self::serve_tls);
///   sockets open over both.
/// - Requests carry their peer's address, as [`PeerAddr`](crate::PeerAddr) and, with the feature
///   `axum`, for the extractor `ConnectInfo<SocketAddr>`; TCP connections have `TCP_NODELAY`.
/// - A connection has [10 seconds](Self::head_timeout) from its acceptance, a TLS handshake included,
///   to its first request, and [75 seconds](Self::idle_timeout) from one request to the next. Requests,
///   responses and sockets take as long as they take.
/// - A client that [takes nothing for 30 seconds](Self::write_timeout), and one that answers no ping of
///   HTTP/2, loses its connection; a socket that is too slow over HTTP/2 loses its stream alone
///   ([`StreamExecutor`](crate::StreamExecutor)).
/// - When a connection cannot be accepted, because too many files are open, the server says so at most
///   once a second and goes on.
/// - A graceful stop ends the sockets first, then the connections.
///
/// # Examples
///
/// Layers outside:
///
/// ```no_run
/// use axum::{Router, routing::post};
/// use tower::ServiceBuilder;
/// use tower_http::{cors::CorsLayer, trace::TraceLayer};
/// use web_connection_socket::{Config, Server, Socket, SocketMessage, WebConnectionSocketLayer};
///
/// async fn on_web_socket(socket: Socket) {
///     socket.broadcast(&SocketMessage::new("news").text("A message came."));
/// }
///
/// # async fn run() -> std::io::Result<()> {
/// let layer = WebConnectionSocketLayer::new(Config::new());
/// let hub = layer.hub();
/// let app = ServiceBuilder::new()
///     .layer(TraceLayer::new_for_http())
///     .layer(CorsLayer::permissive())
///     .layer(layer)
///     .service(Router::new().route("/__WebSocket.wwd", post(on_web_socket)));
///
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:5200").await?;
/// Server::new(listener, &hub).serve(app).await
/// # }
/// ```
#[must_use = "a server serves nothing before `serve`"]
pub struct Server<L = TcpListener> {
    pub(super) listener: L,
    pub(super) hub: Arc<Hub>,
    /// None: the process's signals.
    pub(super) stop: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    pub(super) drain: Duration,
    pub(super) terms: Terms,
}

impl<L: Listener> Server<L> {
    /// Makes a server for an application inside the layer whose hub this is.
    pub fn new(listener: L, hub: &Arc<Hub>) -> Self {
        Self {
            listener,
            hub: Arc::clone(hub),
            stop: None,
            drain: Duration::from_secs(10),
            terms: Terms {
                limits: Limits {
                    head: Duration::from_secs(10),
                    idle: Duration::from_secs(75),
                },
                write_timeout: Duration::from_secs(30),
                http2: true,
            },
        }
    }

    /// Stops when `stop` is done, in the place of Ctrl+C and SIGTERM.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use tokio::{net::TcpListener, sync::Notify};
    /// use web_connection_socket::{Hub, Server};
    ///
    /// fn stoppable(listener: TcpListener, hub: &Arc<Hub>, stop: Arc<Notify>) -> Server {
    ///     Server::new(listener, hub).with_graceful_shutdown(async move { stop.notified().await })
    /// }
    /// ```
    pub fn with_graceful_shutdown<F>(mut self, stop: F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.stop = Some(Box::pin(stop));
        self
    }

    /// Sets how long a stop waits for the sockets ([`Hub::shutdown`](crate::Hub::shutdown)), and then
    /// again for the requests that are still under way. Default: 10 seconds each.
    ///
    /// Keep twice the time below what your supervisor grants before it kills the process.
    pub fn drain_timeout(mut self, time: Duration) -> Self {
        self.drain = time;
        self
    }

    /// Sets how long a connection has from its acceptance to the end of its first request's head,
    /// a TLS handshake included. Default: 10 seconds.
    ///
    /// Each connection that says nothing costs a file and some 10 KB for this time.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[track_caller]
    pub fn head_timeout(mut self, time: Duration) -> Self {
        assert!(
            time != Duration::ZERO,
            "Server::head_timeout: zero would stop everything"
        );
        self.terms.limits.head = time;
        self
    }

    /// Sets how long a connection is kept between two requests: an HTTP/1.1 connection that is kept
    /// alive, and an HTTP/2 connection without streams. Default: 75 seconds.
    ///
    /// It is ended gracefully, and cut if its client has not taken the rest of the last response after
    /// the same time again. A request that is handled, a response that is streamed, and an open socket
    /// are no idleness. Behind a proxy it should be longer than the proxy's own limit, so that the
    /// proxy sends no request to a connection that ends at this moment.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[track_caller]
    pub fn idle_timeout(mut self, time: Duration) -> Self {
        assert!(
            time != Duration::ZERO,
            "Server::idle_timeout: zero would end connections before their requests"
        );
        self.terms.limits.idle = time;
        self
    }

    /// Sets how long a client may take next to nothing of what is written to it before its connection is
    /// closed: of what waits, all or 16 KiB in each such time. Default: 30 seconds.
    ///
    /// A slow client is served for as long as it takes. One that stops reading holds what waits for it:
    /// over HTTP/2 up to some 80 KB for each stream. The time also holds for sockets over HTTP/2 or
    /// TLS: keep it longer than [`Config::write_timeout`](crate::Config::write_timeout), which closes one
    /// socket.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[track_caller]
    pub fn write_timeout(mut self, time: Duration) -> Self {
        assert!(
            time != Duration::ZERO,
            "Server::write_timeout: zero would end connections that have to wait"
        );
        self.terms.write_timeout = time;
        self
    }

    /// Sets whether clients may speak HTTP/2. Default: yes.
    ///
    /// Without it, offer `http/1.1` alone in TLS's ALPN, too.
    pub fn http2(mut self, enabled: bool) -> Self {
        self.terms.http2 = enabled;
        self
    }
}

impl<L> fmt::Debug for Server<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("drain", &self.drain)
            .field("terms", &self.terms)
            .finish_non_exhaustive()
    }
}
