use std::{
    fmt,
    future::{Future, ready},
    io::{self, ErrorKind},
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::watch,
    task::yield_now,
    time::{sleep, timeout},
};
use tower::{BoxError, Layer, Service};

use super::{
    activity::Limits,
    connection::{self, Terms},
    listener::Listener,
    signal::StopSignal,
};
use crate::{
    hub::Hub,
    middleware::{RequestBody, WebConnectionSocketLayer, log::LogLimit},
};

/// Serves an application inside the layer until the process is asked to stop (Ctrl+C, or SIGTERM).
///
/// It is the short form of [`Server`], for an application without layers outside of this one:
/// `Server::new(listener, &layer.hub()).serve(layer.layer(app))`.
///
/// # Errors
///
/// If the signals cannot be listened for.
///
/// # Cancel safety
///
/// As [`Server::serve`].
///
/// # Examples
///
/// ```no_run
/// use axum::Router;
/// use web_connection_socket::{Config, WebConnectionSocketLayer};
///
/// # async fn run() -> std::io::Result<()> {
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:5200").await?;
/// let layer = WebConnectionSocketLayer::new(Config::new()).relay();
/// web_connection_socket::serve(listener, layer, Router::new()).await
/// # }
/// ```
pub async fn serve<S, RB>(
    listener: TcpListener,
    layer: WebConnectionSocketLayer,
    app: S,
) -> io::Result<()>
where
    S: Service<Request<RequestBody<Incoming>>, Response = Response<RB>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    RB: Body<Data: Send, Error: Into<BoxError>> + From<Bytes> + Send + 'static,
{
    let server = Server::new(listener, &layer.hub());
    server.serve(layer.layer(app)).await
}

/// As [`serve`], until `stop` is done.
///
/// # Errors
///
/// None that is known today.
///
/// # Cancel safety
///
/// As [`Server::serve`].
///
/// # Examples
///
/// ```no_run
/// use axum::Router;
/// use tokio::sync::oneshot;
/// use web_connection_socket::{Config, WebConnectionSocketLayer};
///
/// # async fn run() -> std::io::Result<()> {
/// let (stop, stopped) = oneshot::channel::<()>();
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// let layer = WebConnectionSocketLayer::new(Config::new());
/// let stopped = async {
///     let _ = stopped.await;
/// };
/// web_connection_socket::serve_until(listener, layer, Router::new(), stopped).await
/// # }
/// ```
pub async fn serve_until<S, RB, F>(
    listener: TcpListener,
    layer: WebConnectionSocketLayer,
    app: S,
    stop: F,
) -> io::Result<()>
where
    S: Service<Request<RequestBody<Incoming>>, Response = Response<RB>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    RB: Body<Data: Send, Error: Into<BoxError>> + From<Bytes> + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let server = Server::new(listener, &layer.hub()).with_graceful_shutdown(stop);
    server.serve(layer.layer(app)).await
}

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
/// use web_connection_socket::{Config, Server, Socket, WebConnectionSocketLayer};
///
/// async fn on_web_socket(socket: Socket) {
///     socket.broadcast(&socket.create_message().text("A message came."));
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
    listener: L,
    hub: Arc<Hub>,
    /// None: the process's signals.
    stop: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    drain: Duration,
    terms: Terms,
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

    /// Sets whether clients may speak HTTP/2. Default: yes.
    ///
    /// Without it, offer `http/1.1` alone in TLS's ALPN, too.
    pub fn http2(mut self, enabled: bool) -> Self {
        self.terms.http2 = enabled;
        self
    }

    /// Serves the application until the server is stopped.
    ///
    /// A stop accepts no more connections, ends the sockets, each with 1001, and then lets requests
    /// that are under way end. What has not ended after the time of
    /// [`drain_timeout`](Self::drain_timeout) is cut. A second Ctrl+C or SIGTERM stops at once.
    ///
    /// # Errors
    ///
    /// If the signals cannot be listened for.
    ///
    /// # Cancel safety
    ///
    /// Dropping it cuts all connections, without a word to the sockets; those over HTTP/1.1, which are
    /// connections no more, stay open until the hub closes them or the runtime ends.
    pub async fn serve<S, RB>(self, app: S) -> io::Result<()>
    where
        S: Service<Request<Incoming>, Response = Response<RB>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        RB: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        self.serve_tls(|stream| ready(Ok(stream)), app).await
    }

    /// As [`serve`](Self::serve), over what `handshake` makes of each connection, in most cases TLS.
    ///
    /// The handshake runs beside all others, and counts to [`head_timeout`](Self::head_timeout).
    /// Offer `h2` and `http/1.1` in its ALPN, so that browsers open sockets on the page's own
    /// connection.
    ///
    /// # Errors
    ///
    /// If the signals cannot be listened for.
    ///
    /// # Cancel safety
    ///
    /// As [`serve`](Self::serve).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::sync::Arc;
    ///
    /// use axum::Router;
    /// use tokio::net::TcpListener;
    /// use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};
    /// use tower::Layer;
    /// use web_connection_socket::{Config, Server, WebConnectionSocketLayer};
    ///
    /// async fn serve(listener: TcpListener, mut tls: ServerConfig) -> std::io::Result<()> {
    ///     tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    ///     let tls = TlsAcceptor::from(Arc::new(tls));
    ///     let layer = WebConnectionSocketLayer::new(Config::new()).relay();
    ///     Server::new(listener, &layer.hub())
    ///         .serve_tls(move |tcp| tls.accept(tcp), layer.layer(Router::new()))
    ///         .await
    /// }
    /// ```
    pub async fn serve_tls<T, F, IO, S, RB>(mut self, handshake: T, app: S) -> io::Result<()>
    where
        T: FnMut(L::Io) -> F,
        F: Future<Output = io::Result<IO>> + Send + 'static,
        IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
        S: Service<Request<Incoming>, Response = Response<RB>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        RB: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        if let Some(stop) = self.stop.take() {
            self.run(handshake, app, stop).await;
            return Ok(());
        }
        let mut stop = StopSignal::listen()?;
        let mut stop_at_once = StopSignal::listen()?;
        let stop = async move { stop.received().await };
        tokio::select! {
            () = self.run(handshake, app, stop) => {}
            () = async { stop_at_once.received().await; stop_at_once.received().await } => {}
        }
        Ok(())
    }

    async fn run<T, F, IO, S, RB>(self, mut handshake: T, app: S, stop: impl Future<Output = ()>)
    where
        T: FnMut(L::Io) -> F,
        F: Future<Output = io::Result<IO>> + Send + 'static,
        IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
        S: Service<Request<Incoming>, Response = Response<RB>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        RB: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        let Self {
            mut listener,
            hub,
            drain,
            terms,
            ..
        } = self;
        // Connections hold a receiver each. Where this future ends, they do.
        let connections = watch::Sender::new(false);
        let errors = LogLimit::default();
        let mut stop = pin!(stop);
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut stop => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let stopping = connections.subscribe();
                    let connection =
                        connection::run(handshake(stream), app.clone(), peer, terms, stopping);
                    #[expect(clippy::disallowed_methods, reason = "each connection has its task")]
                    tokio::spawn(connection);
                }
                Err(error) => bear(&error, &errors).await,
            }
        }
        drop(listener);

        // The sockets first: an HTTP/2 connection ends when its last stream does.
        let end = hub.shutdown(drain).await;
        tracing::info!(closed = end.closed, cut = end.cut, "sockets are closed");
        connections.send_replace(true);
        // A client that takes nothing keeps its connection.
        if timeout(drain, connections.closed()).await.is_err() {
            let cut = connections.receiver_count();
            tracing::warn!(cut, "connections that did not end are cut");
        }
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

/// Goes on after an error of accepting, and says so at most once a second.
async fn bear(error: &io::Error, errors: &LogLimit) {
    let is_of_one_connection = matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset
    );
    if is_of_one_connection {
        tracing::debug!(%error, "a connection was gone before it was accepted");
        // So that a listener which says nothing else keeps no thread to itself.
        return yield_now().await;
    }
    if let Some(suppressed) = errors.pass() {
        tracing::error!(
            %error,
            suppressed,
            "no connection can be accepted for now; where too many files are open, raise the limit \
             of the process (`ulimit -n`) or set `Config::max_sockets`"
        );
    }
    // Nothing says when it is over: for want of files it is when a connection ends.
    sleep(PAUSE).await;
}

/// How long accepting pauses after an error.
const PAUSE: Duration = Duration::from_millis(100);
