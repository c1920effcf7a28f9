//! The bounds of the application's work: so much at one time, for so long, and no panic beyond it.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
};

use tokio::time::timeout;

use super::{error::DispatchError, outcome::count};
use crate::{
    hub::{Counters, Hub, Key, Lane, SocketEntry, Turn, Turns},
    middleware::{log::Kind, state::State},
    unwind::{Contained, Panicked},
};

/// A piece of work, as it waits for its turn.
#[derive(Clone)]
pub(in crate::middleware) struct Job {
    pub(in crate::middleware) lane: Lane,
    pub(in crate::middleware) key: Key,
    /// How many bytes are kept in memory while it waits.
    pub(in crate::middleware) bytes: usize,
    /// The socket that caused it, if the work is done even after that socket has ended.
    pub(in crate::middleware) sender: Option<Arc<SocketEntry>>,
}

impl Job {
    /// Returns whether the sender has left, so that it could not send the message again.
    fn is_left_behind(&self, hub: &Hub) -> bool {
        let sender = self.sender.as_ref();
        sender.is_some_and(|entry| hub.has_left(entry))
    }

    /// Returns whether the sender can be told nothing more.
    pub(super) fn is_unheard(&self) -> bool {
        let sender = self.sender.as_ref();
        sender.is_some_and(|entry| !entry.outbox.is_open())
    }
}

/// Runs the application's work on one message when its turn comes, no longer than
/// [`Config::dispatch_timeout`](crate::Config::dispatch_timeout), and counts it.
///
/// A panic ends the work alone, both while it runs and when it is dropped.
///
/// # Cancel safety
///
/// Dropping it drops the work.
pub(in crate::middleware) async fn run<T, F>(
    state: &State,
    job: Job,
    work: F,
) -> Result<T, DispatchError>
where
    F: Future<Output = Result<T, DispatchError>>,
{
    let _pending = Pending::new(state.hub.counters());
    let outcome = run_in_turn(state, &job, None, work).await;
    if matches!(outcome, Err(DispatchError::Overloaded)) && job.is_unheard() {
        state.hub.shed();
    }
    count(state, outcome)
}

/// Runs work when its turn has come: `elsewhere` as well, where less may run at one time. Neither counts
/// nor reports a failure, after which it may be run again.
///
/// # Cancel safety
///
/// Dropping it drops the work.
pub(super) async fn run_in_turn<T, F>(
    state: &State,
    job: &Job,
    elsewhere: Option<&Turns>,
    work: F,
) -> Result<T, DispatchError>
where
    F: Future<Output = Result<T, DispatchError>>,
{
    let limit = state.config.dispatch_timeout;
    let turns = state.hub.turns(job.lane);
    let mut turn = pin!(take_turns(turns, elsewhere, job));
    // Mostly a place is free, and then no clock is needed.
    let turn = match (job.lane, poll_once(turn.as_mut()).await) {
        (_, Poll::Ready(turn)) => turn,
        // The application is told of an event however late: the socket keeps its place until then.
        (Lane::Events, Poll::Pending) => turn.await,
        // The wait has a time of its own: a message whose turn came late is not cut off half done.
        (Lane::Messages, Poll::Pending) => match timeout(limit, turn.as_mut()).await {
            Ok(turn) => turn,
            Err(_elapsed) if !turns.is_bounded() && job.is_left_behind(&state.hub) => turn.await,
            Err(_elapsed) => None,
        },
    };
    let Some(_turn) = turn else {
        return Err(DispatchError::Overloaded);
    };
    let _running = Running::new(state.hub.counters());
    let mut work = pin!(Contained::new(work, || {
        state.log.write(Kind::HandlerPanicked, |suppressed| {
            tracing::error!(
                suppressed,
                "the application panicked while it handled a message"
            );
        });
    }));
    let outcome = match poll_once(work.as_mut()).await {
        Poll::Ready(outcome) => Ok(outcome),
        Poll::Pending => timeout(limit, work).await,
    };
    match outcome {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(Panicked)) => Err(DispatchError::Failed),
        Err(_elapsed) => Err(DispatchError::TimedOut),
    }
}

/// Waits for a turn elsewhere, then for one here, so that what waits elsewhere holds no place here.
/// `None` if too much waits.
async fn take_turns<'a>(
    here: &'a Arc<Turns>,
    elsewhere: Option<&'a Turns>,
    job: &Job,
) -> Option<(Option<Turn<'a>>, Turn<'a>)> {
    let elsewhere = match elsewhere {
        Some(elsewhere) => Some(take_elsewhere(here, elsewhere, job).await?),
        None => None,
    };
    let here = here.turn(job.key.clone(), job.bytes).await;
    Some((elsewhere, here.ok()?))
}

async fn take_elsewhere<'a>(
    here: &Arc<Turns>,
    elsewhere: &'a Turns,
    job: &Job,
) -> Option<Turn<'a>> {
    let mut turn = pin!(elsewhere.turn(job.key.clone(), job.bytes));
    if let Poll::Ready(turn) = poll_once(turn.as_mut()).await {
        return turn.ok();
    }
    // The bound on messages that wait is one for both.
    let _kept = match job.lane {
        Lane::Messages => Some(here.keep(job.bytes)?),
        Lane::Events => None,
    };
    turn.await.ok()
}

/// Polls a future once, which for many is enough.
async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

/// Has a shutdown wait for the work until it is dropped.
pub(super) struct Pending<'a>(&'a Counters);

impl<'a> Pending<'a> {
    pub(super) fn new(counters: &'a Counters) -> Self {
        counters.work_asked();
        Self(counters)
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.0.work_ended();
    }
}

/// Counts the work as running until it is dropped.
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{
        task::{JoinSet, yield_now},
        time::{Instant, sleep},
    };

    use super::*;
    use crate::config::Config;

    #[tokio::test(start_paused = true)]
    async fn a_shutdown_waits_for_work_that_has_had_no_turn() {
        const EACH: Duration = Duration::from_secs(1);

        let config = Config::new().max_dispatches(1);
        let hub = Arc::new(Hub::new(&config));
        let state = Arc::new(State::new(config, hub.clone()));
        let mut works = JoinSet::new();
        for _ in 0..3 {
            let state = state.clone();
            works.spawn(async move {
                let job = Job {
                    lane: Lane::Messages,
                    key: Key::Callers,
                    bytes: 1,
                    sender: None,
                };
                let work = async {
                    sleep(EACH).await;
                    Ok(())
                };
                run(&state, job, work).await.is_ok()
            });
            yield_now().await;
        }
        assert_eq!(hub.stats().dispatches_waiting, 2);
        let mut shutting = JoinSet::new();
        shutting.spawn(async move {
            let begin = Instant::now();
            hub.shutdown(20 * EACH).await;
            begin.elapsed()
        });
        assert_eq!(shutting.join_all().await, [3 * EACH]);
        assert_eq!(works.join_all().await, [true; 3]);
    }
}
