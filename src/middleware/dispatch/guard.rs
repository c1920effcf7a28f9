use std::{future::Future, panic::AssertUnwindSafe};

use futures_util::FutureExt;
use tokio::time::timeout;

use super::{
    super::{log::Kind, shared::Shared},
    failure::Failure,
};
use crate::hub::Counters;

/// Runs the application's work on one message within its bounds: so many at one time, for so long,
/// and a panic ends nothing but itself.
///
/// # Cancel safety
///
/// Dropping it drops the work.
pub(in super::super) async fn guarded<F: Future>(
    shared: &Shared,
    work: F,
) -> Result<F::Output, Failure> {
    let counters = shared.hub.counters();
    let outcome = run(shared, counters, work).await;
    if outcome.is_err() {
        counters.dispatch_failed();
    }
    outcome
}

async fn run<F: Future>(
    shared: &Shared,
    counters: &Counters,
    work: F,
) -> Result<F::Output, Failure> {
    let limit = shared.config.dispatch_timeout;
    // The wait has a time of its own: a message whose turn came late is not cut off half done.
    let Ok(Ok(_permit)) = timeout(limit, shared.dispatches.acquire()).await else {
        return Err(Failure::Overloaded);
    };
    let _running = Running::new(counters);
    match timeout(limit, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(output)) => Ok(output),
        Ok(Err(_panic)) => {
            if let Some(suppressed) = shared.log.pass(Kind::HandlerPanicked) {
                tracing::error!(
                    suppressed,
                    "the application panicked while it handled a message"
                );
            }
            Err(Failure::Failed)
        }
        Err(_elapsed) => Err(Failure::TimedOut),
    }
}

struct Running<'a>(&'a Counters);

impl<'a> Running<'a> {
    fn new(counters: &'a Counters) -> Self {
        counters.dispatch_started();
        Self(counters)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.dispatch_ended();
    }
}
