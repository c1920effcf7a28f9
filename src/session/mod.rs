//! One socket from its 101 to its end: a task over any byte stream.

mod assembly;
mod frame_scan;
mod heartbeat;
mod inbound;
mod stall;
mod task;
mod transport;
mod violation;
mod wire;

use std::{future::poll_fn, sync::Arc};

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

pub(crate) use self::inbound::{Ending, Handling, Inbound};
use self::{task::Session, transport::TcpSocket};
use crate::{
    config::Config,
    hub::{CloseReason, Kill, Registration},
};

/// Runs a registered socket to its end, then what it had still sent to the application, then the
/// disconnect event. Its place in the hub lasts until all that is done.
///
/// A message that is being handled, and one that waits for its turn, are handled although their
/// sender is gone: it sent them before it went.
///
/// `unread` is what was read from the stream before.
pub(crate) async fn run<S>(
    stream: S,
    unread: Bytes,
    registration: Registration,
    config: Arc<Config>,
    mut inbound: Box<dyn Inbound>,
) -> CloseReason
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut session = Session::new(stream, unread, &registration, &config, &mut *inbound);
    let reason = poll_fn(|cx| session.poll(cx)).await;
    let (handling, parked) = session.end();
    let undelivered = registration.end();
    tracing::debug!(socket = %registration.peer().id, ?reason, undelivered, "socket ended");

    let has_work = handling.is_some() || parked.is_some();
    let remaining = async {
        if let Some(handling) = handling {
            handling.await;
        }
        if let Some(handling) = parked.and_then(|text| inbound.message(text)) {
            handling.await;
        }
    };
    let finished = registration
        .unless_killed(Kill::Connection, remaining)
        .await;
    if has_work && finished.is_none() {
        tracing::warn!("the shutdown cut off messages of a socket that had ended");
    }
    let ending = Ending {
        reason: reason.clone(),
        undelivered,
    };
    finish(&registration, &mut *inbound, ending).await;
    reason
}

/// Runs a socket over a connection that an HTTP server upgraded.
pub(crate) async fn run_upgraded(
    upgraded: Upgraded,
    registration: Registration,
    config: Arc<Config>,
    inbound: Box<dyn Inbound>,
) {
    match TcpSocket::take(upgraded) {
        Ok((tcp, unread)) => {
            registration.share(tcp.shared());
            run(tcp, unread, registration, config, inbound).await;
        }
        Err(upgraded) => {
            let stream = TokioIo::new(upgraded);
            run(stream, Bytes::new(), registration, config, inbound).await;
        }
    }
}

/// The end of a socket whose connection was lost before it could be used.
pub(crate) async fn run_unopened(registration: Registration, mut inbound: Box<dyn Inbound>) {
    let ending = Ending {
        reason: CloseReason::LOST,
        undelivered: registration.end(),
    };
    finish(&registration, &mut *inbound, ending).await;
}

async fn finish(registration: &Registration, inbound: &mut dyn Inbound, ending: Ending) {
    if let Some(handling) = inbound.disconnected(ending) {
        if registration
            .unless_killed(Kill::Task, handling)
            .await
            .is_none()
        {
            tracing::warn!("the shutdown cut off a disconnect event");
        }
    }
}
