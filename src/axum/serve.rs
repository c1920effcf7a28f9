use std::{future::Future, io, net::SocketAddr, time::Duration};

use axum::{Router, ServiceExt, extract::Request, serve::ListenerExt};
use tokio::{
    net::TcpListener,
    sync::oneshot::{self, error::RecvError},
    time::sleep,
};
use tower::Layer;

use crate::middleware::WebConnectionSocketLayer;

/// Serves a router inside the layer until the process is asked to stop (Ctrl+C, or SIGTERM).
///
/// It is `axum::serve` with what sockets want: the peers' addresses, `TCP_NODELAY`, and a graceful
/// stop that closes them with 1001 first ([`Hub::shutdown`](crate::Hub::shutdown) with 10 seconds).
/// Requests that are still under way have 10 seconds more; asked a second time it stops at once.
///
/// It speaks HTTP/1.1 and HTTP/2 without TLS, as a proxy in front does; sockets open over both. A
/// browser takes HTTP/2 over TLS alone: give `axum::serve` a listener that does TLS, or see the
/// example `hyper_host`.
///
/// # Errors
///
/// If the signals cannot be listened for.
///
/// # Cancel safety
///
/// Dropping it stops the server without a word to the sockets.
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
/// web_connection_socket::axum::serve(listener, layer, Router::new()).await
/// # }
/// ```
pub async fn serve(
    listener: TcpListener,
    layer: WebConnectionSocketLayer,
    app: Router,
) -> io::Result<()> {
    let mut stop = StopSignal::listen()?;
    let mut stop_at_once = StopSignal::listen()?;
    let stop = async move { stop.received().await };
    tokio::select! {
        served = serve_until(listener, layer, app, stop) => served,
        () = async { stop_at_once.received().await; stop_at_once.received().await } => Ok(()),
    }
}

/// As [`serve`], until `stop` is done.
///
/// # Errors
///
/// None that is known today; the server goes on when a connection fails.
///
/// # Cancel safety
///
/// Dropping it stops the server without a word to the sockets.
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
/// web_connection_socket::axum::serve_until(listener, layer, Router::new(), stopped).await
/// # }
/// ```
pub async fn serve_until<F>(
    listener: TcpListener,
    layer: WebConnectionSocketLayer,
    app: Router,
    stop: F,
) -> io::Result<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let hub = layer.hub();
    // Nagle's algorithm would hold small messages back until the peer acknowledges the last one.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::warn!(%error, "TCP_NODELAY was not set on a connection");
        }
    });
    let service = layer.layer(app);
    let service = ServiceExt::<Request>::into_make_service_with_connect_info::<SocketAddr>(service);
    let (drained, last) = oneshot::channel();
    let serving = axum::serve(listener, service).with_graceful_shutdown(async move {
        stop.await;
        let end = hub.shutdown(DRAIN).await;
        tracing::info!(closed = end.closed, cut = end.cut, "sockets are closed");
        let _dropped_meanwhile = drained.send(());
    });
    tokio::select! {
        served = serving => served,
        // A client that takes nothing keeps its HTTP/2 connection, although its sockets are closed.
        Ok(()) = async { last.await?; sleep(REST).await; Ok::<_, RecvError>(()) } => {
            tracing::warn!("connections that did not end were left behind");
            Ok(())
        }
    }
}

#[cfg(unix)]
struct StopSignal {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl StopSignal {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct StopSignal(());

#[cfg(not(unix))]
impl StopSignal {
    fn listen() -> io::Result<Self> {
        Ok(Self(()))
    }

    async fn received(&mut self) {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "Ctrl+C cannot be listened for");
            std::future::pending::<()>().await;
        }
    }
}

/// How long sockets have to take what is queued for them.
const DRAIN: Duration = Duration::from_secs(10);

/// How long requests and connections then have to end.
const REST: Duration = Duration::from_secs(10);
