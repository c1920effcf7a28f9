//! One connection, from its acceptance to its end.

use std::{
    fmt,
    future::Future,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    time::{Instant, sleep_until},
};

use super::{
    activity::{Activity, Due, Limits, Tasks},
    application::Application,
    service::ConnectionService,
};
use crate::streams::PacedStream;

/// The options of a server's connections.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    pub(super) limits: Limits,
    /// How long a client may read next to nothing of what is written.
    pub(super) write_timeout: Duration,
    pub(super) http2: bool,
}

/// Serves one connection, in the version of HTTP that its client speaks, until it ends.
///
/// `handshake` makes its stream, within the time of the first request's head. A change of `stop` ends
/// the connection once its requests are done; when the sender is dropped, the connection is cut.
pub(super) async fn run<IO>(
    handshake: impl Future<Output = io::Result<IO>>,
    app: impl Application,
    peer: Option<SocketAddr>,
    options: Options,
    mut stop: watch::Receiver<bool>,
) where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let accepted_at = Instant::now();
    let activity = Activity::new(accepted_at);
    let deadline = match activity.due(options.limits) {
        Due::At(deadline) => deadline,
        Due::Cut | Due::End => accepted_at,
    };
    let stream = tokio::select! {
        stream = handshake => stream,
        () = sleep_until(deadline) => {
            tracing::debug!(?peer, "a client did not end its TLS handshake in time");
            return;
        }
        _asked_or_cut = stop.changed() => return,
    };
    let stream = match stream {
        Ok(stream) => TokioIo::new(PacedStream::new(stream, options.write_timeout)),
        Err(error) => {
            tracing::debug!(?peer, %error, "a TLS handshake failed");
            return;
        }
    };

    let service = ConnectionService::new(app, peer, activity.clone());
    let driver = Driver {
        activity: activity.clone(),
        limits: options.limits,
        peer,
        deadline,
        stop,
    };
    if options.http2 {
        let mut server = auto::Builder::new(Tasks(activity));
        server
            .http1()
            .max_buf_size(READ_BUFFER)
            .http2()
            // Sockets over HTTP/2 need this line, sockets over HTTP/1.1 the `with_upgrades`.
            .enable_connect_protocol()
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_AFTER)
            .keep_alive_timeout(PONG_WITHIN)
            .max_send_buf_size(SEND_BUFFER);
        let connection = server.serve_connection_with_upgrades(stream, service);
        let end = auto::UpgradeableConnection::graceful_shutdown;
        driver.drive(pin!(connection), end).await;
    } else {
        // With upgrades, the builder above speaks HTTP/2 even where it is told not to.
        let connection = http1::Builder::new()
            .max_buf_size(READ_BUFFER)
            .serve_connection(stream, service);
        let end = http1::UpgradeableConnection::graceful_shutdown;
        driver.drive(pin!(connection.with_upgrades()), end).await;
    }
}

/// Polls a connection and ends it in time.
struct Driver {
    activity: Arc<Activity>,
    limits: Limits,
    peer: Option<SocketAddr>,
    deadline: Instant,
    stop: watch::Receiver<bool>,
}

impl Driver {
    /// `end` lets the connection finish the requests it has, and begin no more.
    async fn drive<C, E>(mut self, mut connection: Pin<&mut C>, end: fn(Pin<&mut C>))
    where
        C: Future<Output = Result<(), E>>,
        E: fmt::Display,
    {
        let peer = self.peer;
        let mut is_ending = false;
        loop {
            tokio::select! {
                biased;
                served = &mut connection => {
                    if let Err(error) = served {
                        tracing::debug!(?peer, %error, "a connection failed");
                    }
                    return;
                }
                asked = self.stop.changed() => {
                    // No request has come, so no response is owed.
                    if asked.is_err() || self.activity.is_opening() {
                        return;
                    }
                    is_ending = true;
                    end(connection.as_mut());
                }
                () = sleep_until(self.deadline) => match self.activity.due(self.limits) {
                    Due::At(later) => self.deadline = later,
                    Due::Cut => {
                        tracing::debug!(?peer, "a client sent no whole request head in time");
                        return;
                    }
                    Due::End if is_ending => {
                        tracing::debug!(?peer, "a client did not read the end of its last response in time");
                        return;
                    }
                    Due::End => {
                        // The client has as much time again to read the rest of the last response.
                        is_ending = true;
                        self.activity.restart_idle();
                        end(connection.as_mut());
                    }
                },
            }
        }
    }
}

/// An HTTP/2 connection on which nothing came for so long is sent a ping.
const PING_AFTER: Duration = Duration::from_secs(25);

/// How long the client has to answer that ping.
const PONG_WITHIN: Duration = Duration::from_secs(10);

/// Bytes that an HTTP/2 stream may hold while its client has room for them and does not read them.
const SEND_BUFFER: usize = 64 * 1024;

/// Bytes of an HTTP/1.1 request's head at most, which wait until all of it has come; 400 KiB without.
const READ_BUFFER: usize = 64 * 1024;
