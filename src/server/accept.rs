//! The loop that accepts connections, and its graceful stop.

use std::{
    future::Future,
    io::{self, ErrorKind},
    pin::pin,
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    task::{JoinSet, yield_now},
    time::{sleep, timeout},
};

use super::{application::Application, connection, listener::Listener, options::Server};
use crate::hub::LogLimit;

/// Accepts connections until `stop` is done, then ends the sockets, then the connections.
pub(super) async fn run<L, T, F, IO>(
    server: Server<L>,
    mut handshake: T,
    app: impl Application,
    stop: impl Future<Output = ()>,
) where
    L: Listener,
    T: FnMut(L::Io) -> F,
    F: Future<Output = io::Result<IO>> + Send + 'static,
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let Server {
        mut listener,
        hubs,
        drain_timeout,
        connections: options,
        ..
    } = server;
    // Each connection holds a receiver and is cut once the sender is gone, so it ends with this future.
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
                let handshake = handshake(stream);
                let connection = connection::run(handshake, app.clone(), peer, options, stopping);
                #[expect(clippy::disallowed_methods, reason = "each connection has its task")]
                tokio::spawn(connection);
            }
            Err(error) => pause_after(&error, &errors).await,
        }
    }
    drop(listener);

    // The sockets first: an HTTP/2 connection ends when its last stream does.
    let mut ends = JoinSet::new();
    for hub in hubs {
        ends.spawn(async move { hub.shutdown(drain_timeout).await });
    }
    for end in ends.join_all().await {
        tracing::info!(closed = end.closed, cut = end.cut, "sockets are closed");
    }
    connections.send_replace(true);
    // A client that reads nothing keeps its connection.
    if timeout(drain_timeout, connections.closed()).await.is_err() {
        let cut = connections.receiver_count();
        tracing::warn!(cut, "connections that did not end are cut");
    }
}

/// Waits before the next accept where an error asks for it, and logs at most once a second.
async fn pause_after(error: &io::Error, errors: &LogLimit<()>) {
    let is_of_one_connection = matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset
    );
    if is_of_one_connection {
        tracing::debug!(%error, "a connection was gone before it was accepted");
        // A listener that returns nothing else must not keep the thread to itself.
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
    // No event tells when it is over: for want of files it is when a connection ends.
    sleep(PAUSE).await;
}

/// How long accepting pauses after an error.
const PAUSE: Duration = Duration::from_millis(100);
