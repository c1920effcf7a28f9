//! The loop that accepts connections, and its graceful stop.

use std::{
    future::{Future, ready},
    io::{self, ErrorKind},
    pin::pin,
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

use super::{connection, listener::Listener, options::Server, signal::StopSignal};
use crate::{
    hub::LogLimit,
    middleware::{RequestBody, WebConnectionSocketLayer},
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

impl<L: Listener> Server<L> {
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

/// Goes on after an error of accepting, and says so at most once a second.
async fn bear(error: &io::Error, errors: &LogLimit<()>) {
    let is_of_one_connection = matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset
    );
    if is_of_one_connection {
        tracing::debug!(%error, "a connection was gone before it was accepted");
        // So that a listener which says nothing else keeps no thread to itself.
        return yield_now().await;
    }
    if let Some(suppressed) = errors.pass(()) {
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
