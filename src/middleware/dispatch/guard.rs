use std::{future::Future, pin::pin, sync::Arc};

use tokio::time::timeout;

use super::{
    super::{log::Kind, shared::Shared},
    failure::Failure,
};
use crate::{
    hub::{Counters, Hub, Key, Lane, SocketEntry},
    unwind::{Contained, Panicked},
};

/// With what a piece of work waits for its turn.
pub(in super::super) struct Ask {
    pub(in super::super) lane: Lane,
    pub(in super::super) key: Key,
    /// What is kept in memory meanwhile.
    pub(in super::super) bytes: usize,
    /// Who caused it, where the work is done although its socket has ended.
    pub(in super::super) sender: Option<Arc<SocketEntry>>,
}

impl Ask {
    /// Whether its sender could not send it again, if it were told to.
    fn is_left_behind(&self, hub: &Hub) -> bool {
        let sender = self.sender.as_ref();
        sender.is_some_and(|peer| hub.has_left(peer))
    }

    /// Whether its sender cannot be told anything.
    fn is_unheard(&self) -> bool {
        let sender = self.sender.as_ref();
        sender.is_some_and(|peer| !peer.outbox.is_open())
    }
}

/// Runs the application's work on one message within its bounds: so many at one time, for so long,
/// and a panic ends nothing but itself, neither while the work runs nor when it is dropped.
///
/// # Cancel safety
///
/// Dropping it drops the work.
pub(in super::super) async fn guarded<F: Future>(
    shared: &Shared,
    ask: Ask,
    work: F,
) -> Result<F::Output, Failure> {
    let counters = shared.hub.counters();
    let outcome = run(shared, counters, &ask, work).await;
    if let Err(failure) = &outcome {
        counters.dispatch_failed();
        if matches!(failure, Failure::Overloaded) && ask.is_unheard() {
            shared.hub.shed();
        }
    }
    outcome
}

async fn run<F: Future>(
    shared: &Shared,
    counters: &Counters,
    ask: &Ask,
    work: F,
) -> Result<F::Output, Failure> {
    let limit = shared.config.dispatch_timeout;
    let turns = shared.hub.turns(ask.lane);
    let mut turn = pin!(turns.turn(ask.key.clone(), ask.bytes));
    let turn = match ask.lane {
        // It is told however late: the socket keeps its place until then.
        Lane::Events => turn.await,
        // The wait has a time of its own: a message whose turn came late is not cut off half done.
        Lane::Messages => match timeout(limit, turn.as_mut()).await {
            Ok(turn) => turn,
            Err(_elapsed) if !turns.is_bounded() && ask.is_left_behind(&shared.hub) => turn.await,
            Err(_elapsed) => return Err(Failure::Overloaded),
        },
    };
    let Ok(_turn) = turn else {
        return Err(Failure::Overloaded);
    };
    let _running = Running::new(counters);
    let work = Contained::new(work, || {
        shared.log.write(Kind::HandlerPanicked, |suppressed| {
            tracing::error!(
                suppressed,
                "the application panicked while it handled a message"
            );
        });
    });
    match timeout(limit, work).await {
        Ok(Ok(output)) => Ok(output),
        Ok(Err(Panicked)) => Err(Failure::Failed),
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
