use std::{future::Future, sync::Arc};

use super::{super::shared::Shared, Failure, guarded};
use crate::session::Handling;

/// Runs the application's work on a raw message. Its sender does not hear of a failure: an error
/// frame of ours would mean nothing in the protocol that the two speak.
pub(super) fn handle(
    shared: Arc<Shared>,
    work: impl Future<Output = Result<(), Failure>> + Send + 'static,
) -> Handling {
    Box::pin(async move {
        // The others are logged where they arise.
        if let Err(failure @ (Failure::TimedOut | Failure::Overloaded)) =
            guarded(&shared, work).await
        {
            if let Some(suppressed) = shared.failures.pass() {
                tracing::warn!(?failure, suppressed, "a raw message was not handled");
            }
        }
    })
}
