//! Work whose failure is logged instead of answered with an error frame.

use std::{future::Future, sync::Arc};

use super::{
    super::{log::Kind, shared::Shared},
    Ask, Failure, guarded,
};
use crate::session::HandlerFuture;

/// Runs the application's work on what no error frame answers: a raw message, because a frame of ours
/// would mean nothing in the protocol that the two speak, and the news of a socket, which did not ask
/// for anything. A failure goes to the log instead.
pub(super) fn handle(
    shared: Arc<Shared>,
    what: &'static str,
    ask: Ask,
    work: impl Future<Output = Result<(), Failure>> + Send + 'static,
) -> HandlerFuture {
    Box::pin(async move {
        let outcome = guarded(&shared, ask, work).await;
        let (Err(failure) | Ok(Err(failure))) = outcome else {
            return;
        };
        match failure {
            // Logged where they arise.
            Failure::Failed | Failure::NoHandler(_) | Failure::Refused => {}
            Failure::TimedOut | Failure::Overloaded | Failure::Answered { .. } => {
                shared.log.write(Kind::NotHandled(what), |suppressed| {
                    tracing::warn!(?failure, suppressed, "{what} was not handled");
                });
            }
        }
    })
}
