//! One socket from its 101 to its end: a task over any byte stream.

mod closing;
mod expiry;
mod heartbeat;
mod http2;
mod in_hand;
mod life_sign;
mod message_handler;
mod rate_limit;
mod task;
mod timer;
mod transport;
mod write_timeout;

use std::{
    future::{Future, poll_fn},
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    runtime::Handle,
    task::JoinHandle,
};

pub(crate) use self::message_handler::{Ending, HandlerFuture, MessageHandler, Taken};
use self::{http2::Http2Stream, task::Session, transport::TcpSocket};
use crate::{
    config::Config,
    hub::{Kill, Part, Registration},
    protocol::{CloseReason, RawMessage},
    streams::Carrier,
    unwind::{Contained, Panicked, contain},
};

/// Runs a registered socket to its end, then what it had still sent to the application, then the
/// disconnect event. Its place in the hub lasts until all that is done.
///
/// A message that is being handled, and one that waits for its turn, are handled although their
/// sender is gone: it sent them before it went. A panic of the stream ends the socket as a lost
/// connection does.
///
/// `unread` is what was read from the stream before.
///
/// # Cancel safety
///
/// Dropping it cuts the connection. What comes after that has a task of its own, then as always.
pub(crate) fn run<S>(
    stream: S,
    unread: Bytes,
    registration: Registration,
    config: Arc<Config>,
    inbound: Box<dyn MessageHandler>,
) -> impl Future<Output = CloseReason>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let session = Session::new(stream, unread, registration, config, inbound);
    run_session(session, |stream| {
        drop(stream);
        None
    })
}

/// `rest` makes of the stream what has to be looked after when the session is over.
fn run_session<S, R>(session: Session<S>, rest: R) -> impl Future<Output = CloseReason>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Rest<S>,
{
    // Made outside of the future, which would keep room for each of the arguments as well.
    let mut guarded = Guarded(Some(session), rest);
    async move {
        let reason = poll_fn(|cx| guarded.poll(cx)).await;
        if let Some(rest) = guarded.end(reason.clone()) {
            if rest.await.is_err() {
                tracing::debug!("a socket's runtime ended before its work was done");
            }
        }
        reason
    }
}

/// A session that winds up however it ends, also when its host drops the future.
struct Guarded<S: AsyncRead + AsyncWrite + Unpin, R: Rest<S>>(Option<Session<S>>, R);

/// What is left of a stream of a connection that lives on.
trait Rest<S>: Fn(S) -> Option<Http2Stream> {}

impl<S, R: Fn(S) -> Option<Http2Stream>> Rest<S> for R {}

impl<S: AsyncRead + AsyncWrite + Unpin, R: Rest<S>> Guarded<S, R> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<CloseReason> {
        let Some(session) = &mut self.0 else {
            return Poll::Pending;
        };
        match contain(|| session.poll(cx)) {
            Ok(polled) => polled,
            Err(Panicked) => Poll::Ready(session.panicked()),
        }
    }

    /// Ends the connection, and has a task of its own do what is left to do.
    fn end(&mut self, reason: CloseReason) -> Option<JoinHandle<()>> {
        let remains = self.0.take()?.end(&self.1);
        tracing::debug!(
            socket = %remains.registration.entry().id,
            ?reason,
            undelivered = remains.undelivered,
            "socket ended"
        );
        let Ok(runtime) = Handle::try_current() else {
            tracing::debug!(
                "a socket ended outside of a runtime, and so without a disconnect event"
            );
            return None;
        };
        Some(runtime.spawn(finish_pending(remains, reason)))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, R: Rest<S>> Drop for Guarded<S, R> {
    fn drop(&mut self) {
        // No caller waits for it.
        drop(self.end(CloseReason::LOST));
    }
}

/// Runs a socket, in a task of its own, over what an HTTP server upgraded.
pub(crate) fn spawn_upgraded(
    upgraded: Upgraded,
    carrier: Carrier,
    registration: Registration,
    config: Arc<Config>,
    inbound: Box<dyn MessageHandler>,
) {
    #[expect(
        clippy::disallowed_methods,
        reason = "each socket has a task of its own"
    )]
    match carrier {
        Carrier::Connection => match TcpSocket::take(upgraded) {
            Ok((tcp, unread)) => {
                registration.share(tcp.shared());
                tokio::spawn(run(tcp, unread, registration, config, inbound));
            }
            Err(upgraded) => {
                let stream = TokioIo::new(upgraded);
                tokio::spawn(run(stream, Bytes::new(), registration, config, inbound));
            }
        },
        Carrier::Stream(sending) => {
            let charge = registration.charge();
            let stream = Http2Stream::new(upgraded, sending, charge, config.close_timeout);
            let session = Session::new(stream, Bytes::new(), registration, config, inbound);
            tokio::spawn(run_session(session, Some));
        }
    }
}

/// What is left of a session without its connection.
struct Unfinished {
    handling: Option<HandlerFuture>,
    parked: Option<RawMessage>,
    registration: Registration,
    inbound: Box<dyn MessageHandler>,
    /// Messages that were queued and never wholly written.
    undelivered: u64,
    stream: Option<Http2Stream>,
}

async fn finish_pending(remains: Unfinished, reason: CloseReason) {
    let Unfinished {
        handling,
        parked,
        registration,
        mut inbound,
        undelivered,
        stream,
    } = remains;
    let held = match stream {
        Some(stream) => Box::pin(stream.end()).await,
        None => None,
    };
    let has_work = handling.is_some() || parked.is_some();
    let remaining = async {
        let parked = parked.and_then(|message| {
            let kept = registration.keep_message(message.as_bytes().len())?;
            Some((kept, message))
        });
        if let Some(handling) = handling {
            work(&registration, handling).await;
        }
        // From here on it waits for a place like any other.
        let taken = parked.map(|(_kept, message)| inbound.message(message));
        if let Some(Taken::Begun(handling)) = taken {
            work(&registration, handling).await;
        }
    };
    let finished = registration
        .unless_killed(Kill::Connection, remaining)
        .await;
    if has_work && finished.is_none() {
        registration.give_up(Part::Messages);
    }
    let ending = Ending {
        reason,
        undelivered,
    };
    finish(&registration, inbound, ending).await;
    if let Some(held) = held {
        let taken = Box::pin(held.taken(&registration));
        // A shutdown waits no longer than for anything else, and says so when it cuts sockets off.
        registration.unless_killed(Kill::Connection, taken).await;
    }
}

/// The end of a socket whose connection was lost before it could be used.
pub(crate) async fn run_unopened(mut registration: Registration, inbound: Box<dyn MessageHandler>) {
    let ending = Ending {
        reason: CloseReason::LOST,
        undelivered: registration.end(),
    };
    finish(&registration, inbound, ending).await;
}

async fn finish(registration: &Registration, mut inbound: Box<dyn MessageHandler>, ending: Ending) {
    if let Some(handling) = inbound.disconnected(ending) {
        let told = work(registration, handling);
        if registration.unless_killed(Kill::Task, told).await.is_none() {
            registration.give_up(Part::Event);
        }
    }
    discard(registration, "what was kept for a connection", inbound);
}

/// Drops what is the host's or the application's, which may panic.
fn discard<T>(registration: &Registration, what: &'static str, value: T) {
    if contain(|| drop(value)).is_err() {
        registration.panicked(what);
    }
}

/// Drives work to its end, be it a panic: what comes after it is to be done all the same.
async fn work(registration: &Registration, handling: HandlerFuture) {
    let panicked = || registration.panicked("the work for a socket");
    if let Err(Panicked) = Contained::new(handling, panicked).await {
        tracing::debug!("the work for a socket ended early");
    }
}

/// What a host gave a socket to run over.
const STREAM: &str = "the stream of a connection";
