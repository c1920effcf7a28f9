//! The functions that serve an application.

use std::{
    future::{Future, ready},
    io,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};
use tower::{BoxError, Layer, Service};

use super::{accept, listener::Listener, options::Server, signal::StopSignal};
use crate::middleware::{RequestBody, WebConnectionSocketLayer};

/// Serves an application inside the layer until the process is asked to stop (Ctrl+C, or SIGTERM).
///
/// Short for `Server::new(listener, &layer.hub()).serve(layer.layer(app))`. Use [`Server`] for layers
/// outside of this one, for TLS and for its options.
///
/// # Errors
///
/// If the signals cannot be listened for.
///
/// # Cancel safety
///
/// Like [`Server::serve`].
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

/// Serves an application inside the layer until `stop` is done.
///
/// Like [`serve`], without listening for signals.
///
/// # Errors
///
/// None at present.
///
/// # Cancel safety
///
/// Like [`Server::serve`].
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
    /// On a stop, the server accepts no more connections, closes the sockets with 1001, one by one, and
    /// then waits for requests that are under way. Meanwhile requests on open connections are answered, and
    /// sockets that are still open get broadcasts. It cuts what has not ended after
    /// [`drain_timeout`](Self::drain_timeout). A second Ctrl+C or SIGTERM stops at once.
    ///
    /// # Errors
    ///
    /// If the signals cannot be listened for.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cuts all connections without closing their sockets first. Sockets over
    /// HTTP/1.1 have left the server's care and stay open until the hub closes them or the runtime ends.
    pub async fn serve<S, RB>(self, app: S) -> io::Result<()>
    where
        S: Service<Request<Incoming>, Response = Response<RB>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        RB: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        self.serve_tls(|stream| ready(Ok(stream)), app).await
    }

    /// Serves the application over the streams that `handshake` makes of connections, usually TLS.
    ///
    /// Handshakes run side by side, and their time counts towards
    /// [`head_timeout`](Self::head_timeout). Offer `h2` and `http/1.1` in ALPN, so that browsers open
    /// sockets on the page's own connection.
    ///
    /// # Errors
    ///
    /// If the signals cannot be listened for.
    ///
    /// # Cancel safety
    ///
    /// Like [`serve`](Self::serve).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # #[cfg(feature = "client-tls")]
    /// # mod shown {
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
    /// # }
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
            accept::run(self, handshake, app, stop).await;
            return Ok(());
        }
        let mut stop = StopSignal::listen()?;
        let mut stop_at_once = StopSignal::listen()?;
        let stop = async move { stop.received().await };
        tokio::select! {
            () = accept::run(self, handshake, app, stop) => {}
            () = async { stop_at_once.received().await; stop_at_once.received().await } => {}
        }
        Ok(())
    }
}
