//! What is under way on a connection, and when it ends for doing nothing.

use std::{future::Future, sync::Arc, time::Duration};

use hyper::rt::Executor;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::streams::StreamExecutor;

/// How long a connection may do nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    head: Duration,
    idle: Duration,
}

impl Limits {
    pub(super) const DEFAULT: Self = Self {
        head: Duration::from_secs(10),
        idle: Duration::from_secs(75),
    };

    /// Sets the time from a connection's acceptance to the end of its first request's head.
    pub(super) fn set_head(&mut self, time: Duration) {
        self.head = time.min(LONGEST);
    }

    /// Sets the time between requests.
    pub(super) fn set_idle(&mut self, time: Duration) {
        self.idle = time.min(LONGEST);
    }
}

/// The requests, responses and sockets that a connection carries now.
#[derive(Debug)]
pub(super) struct Activity(Mutex<State>);

impl Activity {
    pub(super) fn new(accepted_at: Instant) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State::Opening(accepted_at))))
    }

    /// Notes that something began, which lasts until the returned guard is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Work {
        self.0.lock().begin();
        Work(Arc::clone(self))
    }

    /// Whether no request has come yet.
    pub(super) fn is_opening(&self) -> bool {
        matches!(*self.0.lock(), State::Opening(_))
    }

    /// Returns what is due now.
    pub(super) fn due(&self, limits: Limits) -> Due {
        self.0.lock().due(Instant::now(), limits)
    }

    /// Begins the time between requests anew.
    pub(super) fn restart_idle(&self) {
        self.0.lock().restart_idle(Instant::now());
    }
}

/// A request, a response or a socket while it lasts.
#[derive(Debug)]
pub(super) struct Work(Arc<Activity>);

impl Drop for Work {
    fn drop(&mut self) {
        self.0.0.lock().end(Instant::now());
    }
}

/// Spawns what an HTTP/2 connection runs beside itself: each request, and the writing half of each
/// stream that became a socket.
#[derive(Clone, Debug)]
pub(super) struct Tasks(pub(super) Arc<Activity>);

impl<F> Executor<F> for Tasks
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, future: F) {
        let work = self.0.begin();
        StreamExecutor::new().execute(async move {
            future.await;
            drop(work);
        });
    }
}

/// What is due on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing before this instant.
    At(Instant),
    /// To cut the connection: its first request did not come in time.
    Cut,
    /// To end the connection: nothing is under way, and nothing came for too long.
    End,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// No request has come since it was accepted at this instant.
    Opening(Instant),
    /// So many requests, responses and sockets are under way.
    Busy(usize),
    /// Nothing has been under way since this instant.
    Quiet(Instant),
}

impl State {
    fn begin(&mut self) {
        *self = match *self {
            Self::Opening(_) | Self::Quiet(_) => Self::Busy(1),
            Self::Busy(count) => Self::Busy(count + 1),
        };
    }

    fn end(&mut self, now: Instant) {
        *self = match *self {
            Self::Busy(count) if count > 1 => Self::Busy(count - 1),
            _ => Self::Quiet(now),
        };
    }

    fn restart_idle(&mut self, now: Instant) {
        if let Self::Quiet(since) = self {
            *since = now;
        }
    }

    fn due(&self, now: Instant, limits: Limits) -> Due {
        let (until, due) = match *self {
            Self::Opening(accepted_at) => (accepted_at + limits.head, Due::Cut),
            Self::Quiet(since) => (since + limits.idle, Due::End),
            // What is under way may end at any time, and the limit begins then.
            Self::Busy(_) => return Due::At(now + limits.idle),
        };
        if until <= now { due } else { Due::At(until) }
    }
}

/// Longer than any connection lasts, and short enough to be added to any instant.
const LONGEST: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    /// What happens to a connection, and what is then due.
    enum Step {
        Begin,
        End,
        Restart,
        At(u64),
        Cut,
        Over,
    }
    use Step::{At, Begin, Cut, End, Over, Restart};

    /// Plays `steps`, each at its second, under the default limits.
    fn play(steps: &[(u64, Step)]) {
        let limits = Limits::DEFAULT;
        let start = Instant::now();
        let at = |second: u64| start + Duration::from_secs(second);
        let mut state = State::Opening(start);
        for (second, step) in steps {
            let now = at(*second);
            let expected = match step {
                Begin => {
                    state.begin();
                    continue;
                }
                End => {
                    state.end(now);
                    continue;
                }
                Restart => {
                    state.restart_idle(now);
                    continue;
                }
                At(until) => Due::At(at(*until)),
                Cut => Due::Cut,
                Over => Due::End,
            };
            assert_eq!(state.due(now, limits), expected, "at {second} s");
        }
    }

    #[test]
    fn the_first_head_has_its_time_from_the_acceptance_on() {
        play(&[(0, At(10)), (9, At(10)), (10, Cut), (99, Cut)]);
    }

    #[test]
    fn the_time_between_requests_begins_when_the_last_thing_ends() {
        play(&[
            (3, Begin),
            (4, Begin),
            (10, At(85)),
            (85, At(160)),
            (90, End),
            (160, At(235)),
            (170, End),
            (235, At(245)),
            (244, At(245)),
            (245, Over),
        ]);
    }

    #[test]
    fn a_request_in_the_last_moment_counts() {
        play(&[(1, Begin), (2, End), (76, Begin), (77, At(152))]);
    }

    #[test]
    fn the_time_begins_anew_where_nothing_is_under_way() {
        play(&[
            (1, Begin),
            (2, End),
            (77, Over),
            (77, Restart),
            (77, At(152)),
        ]);
        play(&[(0, Restart), (10, Cut)]);
        play(&[(1, Begin), (5, Restart), (6, End), (6, At(81))]);
    }

    #[test]
    fn a_limit_beyond_all_clocks_never_comes() {
        let mut limits = Limits::DEFAULT;
        limits.set_head(Duration::MAX);
        limits.set_idle(Duration::MAX);
        let now = Instant::now();
        for state in [State::Opening(now), State::Busy(1), State::Quiet(now)] {
            assert!(matches!(state.due(now, limits), Due::At(until) if until > now));
        }
    }
}
