//! The server and its options.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use tokio::net::TcpListener;

use super::{activity::Limits, connection, listener::Listener};
use crate::hub::Hub;

/// Serves an application with sockets over HTTP/1.1 and HTTP/2.
///
/// - The application is any tower service around the layer. Layers outside may change its body and
///   error: CORS, sessions, compression, body limits.
/// - Both versions of HTTP share the port, plain or over [TLS](Self::serve_tls), and sockets open over
///   both.
/// - Requests carry their peer's address, as [`PeerAddr`](crate::PeerAddr) and, with the feature
///   `axum`, for the extractor `ConnectInfo<SocketAddr>`. TCP connections have `TCP_NODELAY`.
/// - Connections that do nothing end: without a first request after
///   [`head_timeout`](Self::head_timeout), between requests after [`idle_timeout`](Self::idle_timeout).
///   Requests, responses and sockets have no limit here.
/// - A client that stops reading ([`write_timeout`](Self::write_timeout)) or answers no HTTP/2 ping
///   loses its connection. A slow socket over HTTP/2 loses its stream alone
///   ([`StreamExecutor`](crate::StreamExecutor)).
/// - Where a connection cannot be accepted, because too many files are open, the server logs that at
///   most once a second and goes on.
/// - A graceful stop ends the sockets first, then the connections.
///
/// # Examples
///
/// Layers outside of this one:
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
    pub(super) hubs: Vec<Arc<Hub>>,
    /// `None`: the process's signals.
    pub(super) stop: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    pub(super) drain_timeout: Duration,
    pub(super) connections: connection::Options,
}

impl<L: Listener> Server<L> {
    /// Makes a server for an application inside the layer that `hub` belongs to.
    pub fn new(listener: L, hub: &Arc<Hub>) -> Self {
        Self {
            listener,
            hubs: vec![Arc::clone(hub)],
            stop: None,
            drain_timeout: Duration::from_secs(10),
            connections: connection::Options {
                limits: Limits::DEFAULT,
                write_timeout: Duration::from_secs(30),
                http2: true,
            },
        }
    }

    /// Closes the sockets of another hub as well on a stop, at the same time: for an application inside the
    /// layers of several. Without it those of the other hub are cut off.
    ///
    /// # Examples
    ///
    /// ```
    /// use axum::Router;
    /// use tokio::net::TcpListener;
    /// use tower::Layer;
    /// use web_connection_socket::{Config, Server, WebConnectionSocketLayer};
    ///
    /// async fn run(listener: TcpListener) -> std::io::Result<()> {
    ///     let shop = WebConnectionSocketLayer::new(Config::new().base_path("/shop"));
    ///     let office = WebConnectionSocketLayer::new(Config::new().base_path("/office"));
    ///     let server = Server::new(listener, &shop.hub()).with_hub(&office.hub());
    ///     server.serve(shop.layer(office.layer(Router::new()))).await
    /// }
    /// ```
    pub fn with_hub(mut self, hub: &Arc<Hub>) -> Self {
        self.hubs.push(Arc::clone(hub));
        self
    }

    /// Stops when `stop` is done instead of on Ctrl+C and SIGTERM.
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
    /// again for requests that are under way. Default: 10 seconds each.
    ///
    /// At most half of it goes to closing the sockets one by one
    /// ([`Config::drain_spread`](crate::Config::drain_spread)), so raise both together.
    ///
    /// Keep twice this time below the time after which your supervisor kills the process.
    pub fn drain_timeout(mut self, time: Duration) -> Self {
        self.drain_timeout = time;
        self
    }

    /// Sets how long a connection has from its acceptance to the end of its first request's head,
    /// a TLS handshake included. Default: 10 seconds.
    ///
    /// For this time, each silent connection costs a file and some 10 KB.
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
        self.connections.limits.set_head(time);
        self
    }

    /// Sets how long a connection is kept between two requests: an HTTP/1.1 connection that is kept
    /// alive, and an HTTP/2 connection without streams. Default: 75 seconds.
    ///
    /// The connection ends gracefully, and is cut if its client has not read the rest of the last
    /// response after the same time again. Requests being handled, responses being sent and open
    /// sockets do not count as idle. Behind a proxy, set more than the proxy's own limit, so that the
    /// proxy does not send a request on a connection that is about to end.
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
        self.connections.limits.set_idle(time);
        self
    }

    /// Sets how long a client may go without reading before its connection is closed. Default:
    /// 30 seconds.
    ///
    /// Within each such time it has to read 16 KiB, or all that waits. Slow clients are served as long
    /// as they read; a client that stops holds what waits for it, over HTTP/2 some 80 KB per stream.
    /// The limit also holds for sockets over HTTP/2 or TLS: keep it longer than
    /// [`Config::write_timeout`](crate::Config::write_timeout), which closes a single socket.
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
        self.connections.write_timeout = time;
        self
    }

    /// Sets whether clients may speak HTTP/2. Default: yes.
    ///
    /// Without it, offer `http/1.1` alone in TLS's ALPN, too.
    pub fn http2(mut self, enabled: bool) -> Self {
        self.connections.http2 = enabled;
        self
    }
}

impl<L> fmt::Debug for Server<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("drain_timeout", &self.drain_timeout)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}
