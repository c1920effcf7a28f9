//! The task of a socket: what drives a session, whatever carries it and however it ends.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    runtime::Handle,
    task::JoinHandle,
};

use crate::{
    config::Config,
    hub::Registration,
    protocol::CloseReason,
    session::{
        finish::finish_pending, http2::Http2Stream, message_handler::MessageHandler, task::Session,
        transport::TcpSocket,
    },
    streams::Carrier,
    unwind::{Panicked, contain},
};

/// Runs a registered socket to its end, then handles the messages that it had already sent, then the
/// disconnect event. The socket keeps its place in the hub until all that is done.
///
/// The message in hand and the one that waits are handled although the peer is gone, because it sent
/// them before it left. A panic of the stream ends the socket as a lost connection does.
///
/// `unread` holds the bytes that were read from the stream before.
///
/// # Cancel safety
///
/// Dropping the future cuts the connection. The messages and the event are still handled, in a task
/// of their own.
pub(crate) fn run<S>(
    stream: S,
    unread: Bytes,
    registration: Registration,
    config: Arc<Config>,
    handler: Box<dyn MessageHandler>,
) -> impl Future<Output = CloseReason>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let session = Session::new(stream, unread, registration, config, handler);
    run_session(session, |stream| {
        drop(stream);
        None
    })
}

/// Runs a session; `rest` returns the part of its stream that outlives it.
fn run_session<S, R>(session: Session<S>, rest: R) -> SocketTask<S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Rest<S>,
{
    SocketTask {
        session: Some(session),
        rest,
        finishing: None,
    }
}

/// The task of a socket: a session that is finished however it ends, also when its host drops the
/// task.
///
/// A future of its own, because an `async` block would keep room for the end of every socket.
struct SocketTask<S: AsyncRead + AsyncWrite + Unpin, R: Rest<S>> {
    session: Option<Session<S>>,
    rest: R,
    /// Set once the connection has ended.
    finishing: Option<Box<Finishing>>,
}

/// The work that is left when a connection has ended, and how it ended.
struct Finishing {
    work: Option<JoinHandle<()>>,
    reason: CloseReason,
}

/// Returns the part of a stream that outlives its socket, because the connection does.
trait Rest<S>: Fn(S) -> Option<Http2Stream> + Unpin {}

impl<S, R: Fn(S) -> Option<Http2Stream> + Unpin> Rest<S> for R {}

impl<S: AsyncRead + AsyncWrite + Unpin, R: Rest<S>> Future for SocketTask<S, R> {
    type Output = CloseReason;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CloseReason> {
        let task = self.get_mut();
        if let Some(session) = &mut task.session {
            let polled = contain(|| session.poll(cx));
            let reason = match polled {
                Ok(polled) => ready!(polled),
                Err(Panicked) => session.panicked(),
            };
            let work = task.end(reason.clone());
            task.finishing = Some(Box::new(Finishing { work, reason }));
        }
        let Some(finishing) = &mut task.finishing else {
            return Poll::Pending;
        };
        if let Some(work) = &mut finishing.work {
            if ready!(Pin::new(work).poll(cx)).is_err() {
                tracing::debug!("a socket's runtime ended before its work was done");
            }
        }
        finishing.work = None;
        Poll::Ready(finishing.reason.clone())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, R: Rest<S>> SocketTask<S, R> {
    /// Ends the connection and spawns a task for the work that is left.
    fn end(&mut self, reason: CloseReason) -> Option<JoinHandle<()>> {
        let unfinished = self.session.take()?.end(&reason, &self.rest);
        tracing::debug!(
            socket = %unfinished.registration.entry().id,
            ?reason,
            undelivered = unfinished.undelivered,
            "socket ended"
        );
        let Ok(runtime) = Handle::try_current() else {
            tracing::debug!(
                "a socket ended outside of a runtime, and so without a disconnect event"
            );
            return None;
        };
        Some(runtime.spawn(finish_pending(unfinished, reason)))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, R: Rest<S>> Drop for SocketTask<S, R> {
    fn drop(&mut self) {
        // Nothing waits for that task.
        drop(self.end(CloseReason::LOST));
    }
}

/// Spawns the task of a socket over the stream that an HTTP server upgraded.
pub(crate) fn spawn_upgraded(
    upgraded: Upgraded,
    carrier: Carrier,
    registration: Registration,
    config: Arc<Config>,
    handler: Box<dyn MessageHandler>,
) {
    #[expect(
        clippy::disallowed_methods,
        reason = "each socket has a task of its own"
    )]
    match carrier {
        Carrier::Connection => match TcpSocket::take(upgraded) {
            Ok((tcp, unread)) => {
                registration.attach(tcp.shared());
                tokio::spawn(run(tcp, unread, registration, config, handler));
            }
            Err(upgraded) => {
                let stream = TokioIo::new(upgraded);
                tokio::spawn(run(stream, Bytes::new(), registration, config, handler));
            }
        },
        Carrier::Stream(sending) => {
            let charge = registration.charge();
            let stream = Http2Stream::new(upgraded, sending, charge, config.close_timeout);
            let session = Session::new(stream, Bytes::new(), registration, config, handler);
            tokio::spawn(run_session(session, Some));
        }
    }
}
