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

use http::{Request, Response};
use http_body::Body;
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    time::{Instant, sleep_until},
};
use tower::{BoxError, Service};

use super::{
    activity::{Activity, Due, Limits, Tasks},
    service::Noted,
};
use crate::streams::PacedStream;

/// What is the same for all connections of a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) limits: Limits,
    /// How long a client may take next to nothing of what is written.
    pub(super) write_timeout: Duration,
    pub(super) http2: bool,
}

/// Serves one connection, in the version of HTTP that its client speaks, until it ends.
///
/// `handshake` makes the stream of it, and is timed with the first request's head. `stop` asks it to
/// end once what is in hand is done; when the sender of it is dropped, the connection is cut.
pub(super) async fn run<IO, S, RB>(
    handshake: impl Future<Output = io::Result<IO>>,
    app: S,
    peer: Option<SocketAddr>,
    terms: Terms,
    mut stop: watch::Receiver<bool>,
) where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    S: Service<Request<Incoming>, Response = Response<RB>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    RB: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let accepted_at = Instant::now();
    let activity = Activity::new(accepted_at);
    let deadline = match activity.due(terms.limits) {
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
        Ok(stream) => TokioIo::new(PacedStream::new(stream, terms.write_timeout)),
        Err(error) => {
            tracing::debug!(?peer, %error, "a TLS handshake failed");
            return;
        }
    };

    let service = Noted::new(app, peer, activity.clone());
    let care = Care {
        activity: activity.clone(),
        limits: terms.limits,
        peer,
        deadline,
        stop,
    };
    if terms.http2 {
        let mut server = auto::Builder::new(Tasks(activity));
        server
            .http2()
            // Sockets over HTTP/2 need this line, sockets over HTTP/1.1 the `with_upgrades`.
            .enable_connect_protocol()
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_AFTER)
            .keep_alive_timeout(PONG_WITHIN)
            .max_send_buf_size(SEND_BUFFER);
        let connection = server.serve_connection_with_upgrades(stream, service);
        let end = auto::UpgradeableConnection::graceful_shutdown;
        care.take(pin!(connection), end).await;
    } else {
        // The builder above speaks both with upgrades, whatever it is told.
        let connection = http1::Builder::new().serve_connection(stream, service);
        let end = http1::UpgradeableConnection::graceful_shutdown;
        care.take(pin!(connection.with_upgrades()), end).await;
    }
}

/// Ends a connection in time.
struct Care {
    activity: Arc<Activity>,
    limits: Limits,
    peer: Option<SocketAddr>,
    deadline: Instant,
    stop: watch::Receiver<bool>,
}

impl Care {
    /// `end` lets the connection finish what is in hand, and begin nothing more.
    async fn take<C, E>(mut self, mut connection: Pin<&mut C>, end: fn(Pin<&mut C>))
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
                    // What has not asked for anything yet is owed nothing.
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
                        tracing::debug!(?peer, "a client did not take the end of its connection");
                        return;
                    }
                    Due::End => {
                        // What it has not taken yet of the last response has as much time again.
                        is_ending = true;
                        self.activity.rest();
                        end(connection.as_mut());
                    }
                },
            }
        }
    }
}

/// An HTTP/2 connection on which nothing came for so long is asked whether its client is there.
const PING_AFTER: Duration = Duration::from_secs(25);

/// How long that client has to answer.
const PONG_WITHIN: Duration = Duration::from_secs(10);

/// Bytes that an HTTP/2 stream may hold while its client has room for them and does not take them.
const SEND_BUFFER: usize = 64 * 1024;
