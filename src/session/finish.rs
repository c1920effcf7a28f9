//! What is left to do for a socket once its connection is gone.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::Poll,
};

use tokio::sync::oneshot;

use crate::{
    hub::{Kill, Part, Registration},
    protocol::{CloseReason, RawMessage},
    session::{
        http2::Http2Stream,
        message_handler::{Ending, HandlerFuture, MessageHandler, Taken},
    },
    unwind::{Contained, Panicked, contain},
};

/// A session without its connection.
pub(super) struct Unfinished {
    pub(super) handling: Option<HandlerFuture>,
    pub(super) parked: Option<RawMessage>,
    pub(super) registration: Registration,
    pub(super) handler: Box<dyn MessageHandler>,
    /// The number of messages that were queued and never wholly written.
    pub(super) undelivered: u64,
    pub(super) stream: Option<Http2Stream>,
}

/// Handles the messages that a socket sent before its end, then its disconnect event.
pub(super) async fn finish_pending(unfinished: Unfinished, reason: CloseReason) {
    let Unfinished {
        handling,
        parked,
        mut registration,
        mut handler,
        undelivered,
        stream,
    } = unfinished;
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
        // From here on it waits for a dispatch like any other message.
        let taken = parked.map(|(_kept, message)| handler.message(message));
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
    finish(&mut registration, handler, ending).await;
    if let Some(held) = held {
        let taken = Box::pin(held.taken(&registration));
        // A shutdown cuts this wait off as it does any other, and reports it.
        registration.unless_killed(Kill::Connection, taken).await;
    }
}

/// Finishes a socket whose connection was lost before it could be used.
pub(crate) async fn run_unopened(mut registration: Registration, handler: Box<dyn MessageHandler>) {
    let reason = CloseReason::LOST;
    let undelivered = registration.end(&reason);
    let ending = Ending {
        reason,
        undelivered,
    };
    finish(&mut registration, handler, ending).await;
}

async fn finish(
    registration: &mut Registration,
    mut handler: Box<dyn MessageHandler>,
    ending: Ending,
) {
    let (late, mut is_late) = oneshot::channel();
    if let Some(handling) = handler.disconnected(ending, late) {
        let mut permit = Some(registration.take_permit());
        let told = {
            let told = registration.unless_killed(Kill::Task, work(registration, handling));
            let mut told = pin!(told);
            let mut waits = true;
            poll_fn(|cx| {
                if waits {
                    if let Poll::Ready(late) = Pin::new(&mut is_late).poll(cx) {
                        waits = false;
                        if late.is_ok() {
                            permit = None;
                        }
                    }
                }
                told.as_mut().poll(cx)
            })
            .await
        };
        if told.is_none() {
            registration.give_up(Part::Event);
        }
        if let Some(permit) = permit {
            registration.hold_permit(permit);
        }
    }
    discard(registration, "what was kept for a connection", handler);
}

/// Drops a value of the host or the application, whose `Drop` may panic.
fn discard<T>(registration: &Registration, what: &'static str, value: T) {
    if contain(|| drop(value)).is_err() {
        registration.panicked(what);
    }
}

/// Drives work to its end. A panic is contained, because the next step is due all the same.
async fn work(registration: &Registration, handling: HandlerFuture) {
    let panicked = || registration.panicked("the work for a socket");
    if let Err(Panicked) = Contained::new(handling, panicked).await {
        tracing::debug!("the work for a socket ended early");
    }
}
