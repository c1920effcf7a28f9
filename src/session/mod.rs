//! One socket from its 101 to its end: a task over any byte stream.

mod assembly;
mod closing;
mod expiry;
mod frame_scan;
mod heartbeat;
mod in_hand;
mod inbound;
mod life_sign;
mod rate;
mod stall;
mod task;
mod timer;
mod transport;
mod violation;
mod wire;

use std::{
    future::{Future, poll_fn},
    sync::Arc,
    task::Poll,
};

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

pub(crate) use self::inbound::{Ending, Handling, Inbound, Taken};
use self::{task::Session, transport::TcpSocket};
use crate::{
    config::Config,
    hub::{CloseReason, Kill, Part, Registration},
    protocol::RawMessage,
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
pub(crate) fn run<S>(
    stream: S,
    unread: Bytes,
    registration: Registration,
    config: Arc<Config>,
    inbound: Box<dyn Inbound>,
) -> impl Future<Output = CloseReason>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // Made outside of the future, which would keep room for each of the arguments as well.
    let mut session = Session::new(stream, unread, registration, config, inbound);
    async move {
        let reason = poll_fn(|cx| match contain(|| session.poll(cx)) {
            Ok(polled) => polled,
            Err(Panicked) => Poll::Ready(session.panicked()),
        })
        .await;
        let remains = session.end();
        tracing::debug!(
            socket = %remains.registration.peer().id,
            ?reason,
            undelivered = remains.undelivered,
            "socket ended"
        );
        Box::pin(wind_up(remains, reason)).await
    }
}

/// Runs a socket, in a task of its own, over a connection that an HTTP server upgraded.
pub(crate) fn spawn_upgraded(
    upgraded: Upgraded,
    registration: Registration,
    config: Arc<Config>,
    inbound: Box<dyn Inbound>,
) {
    #[expect(
        clippy::disallowed_methods,
        reason = "each socket has a task of its own"
    )]
    match TcpSocket::take(upgraded) {
        Ok((tcp, unread)) => {
            registration.share(tcp.shared());
            tokio::spawn(run(tcp, unread, registration, config, inbound));
        }
        Err(upgraded) => {
            let stream = TokioIo::new(upgraded);
            tokio::spawn(run(stream, Bytes::new(), registration, config, inbound));
        }
    }
}

/// What is left of a session without its connection.
struct Remains {
    handling: Option<Handling>,
    parked: Option<RawMessage>,
    registration: Registration,
    inbound: Box<dyn Inbound>,
    /// Messages that were queued and never wholly written.
    undelivered: u64,
}

async fn wind_up(remains: Remains, reason: CloseReason) -> CloseReason {
    let Remains {
        handling,
        parked,
        registration,
        mut inbound,
        undelivered,
    } = remains;
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
        reason: reason.clone(),
        undelivered,
    };
    finish(&registration, inbound, ending).await;
    reason
}

/// The end of a socket whose connection was lost before it could be used.
pub(crate) async fn run_unopened(mut registration: Registration, inbound: Box<dyn Inbound>) {
    let ending = Ending {
        reason: CloseReason::LOST,
        undelivered: registration.end(),
    };
    finish(&registration, inbound, ending).await;
}

async fn finish(registration: &Registration, mut inbound: Box<dyn Inbound>, ending: Ending) {
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
async fn work(registration: &Registration, handling: Handling) {
    let panicked = || registration.panicked("the work for a socket");
    if let Err(Panicked) = Contained::new(handling, panicked).await {
        tracing::debug!("the work for a socket ended early");
    }
}

/// What a host gave a socket to run over.
const STREAM: &str = "the stream of a connection";
