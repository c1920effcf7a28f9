//! Ending all sockets before a process ends.

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

use tokio::time::{Instant, timeout_at};

use super::{
    delivery::{Backlog, Kill},
    hub::{Hub, State},
    phase::{Phase, ShuttingDown},
    retry::{random_retry, whole_seconds},
    socket_entry::SocketEntry,
};
use crate::protocol::CloseReason;

/// How a [`Hub::shutdown`] ended.
///
/// # Examples
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// use std::time::Duration;
/// use web_connection_socket::{Config, Hub};
///
/// let end = Hub::new(&Config::new()).shutdown(Duration::from_secs(10)).await;
/// assert_eq!((end.closed, end.cut), (0, 0));
/// # });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Sockets that ended in time, their queues written and 1001 answered or lost with the peer.
    pub closed: usize,
    /// Sockets that were cut off when the deadline passed.
    pub cut: usize,
}

impl Hub {
    /// Ends all sockets within `deadline`, and returns how that went.
    ///
    /// From the first call on, new sockets are refused with 503. Sockets are closed with 1001 one by one,
    /// in random order, each after what is queued for it, so that their clients do not return all at the
    /// same moment: over [`Config::drain_spread`](crate::Config::drain_spread), and half of the deadline
    /// at most. The close frame tells the clients in which time to return
    /// ([`Config::reconnect_window`](crate::Config::reconnect_window)). A socket whose turn has not come
    /// yet still gets broadcasts.
    ///
    /// A socket with a message in hand is closed once that is answered, as are those that wait for their
    /// turn to be handled. After half of the time at most, all sockets that are left are closed, and
    /// broadcasts are refused. For the last tenth of the time connections and dispatches that are still
    /// there are cut off, and the application gets its disconnect events. In a cluster the other nodes are
    /// told last, which takes at most another second. What is left at the deadline is dropped;
    /// a warning says how many disconnect events that were.
    ///
    /// Call it before, or together with, the server's own graceful shutdown: HTTP/1.1 servers do not
    /// wait for upgraded connections. A second call is harmless: it waits as well.
    ///
    /// # Cancel safety
    ///
    /// A cancelled shutdown stays begun; call it again to go on.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use web_connection_socket::Hub;
    ///
    /// async fn stop(hub: &Hub) {
    ///     let end = hub.shutdown(Duration::from_secs(10)).await;
    ///     println!("{} sockets ended in time, {} were cut off", end.closed, end.cut);
    /// }
    /// ```
    pub async fn shutdown(&self, deadline: Duration) -> ShutdownReport {
        let deadline = deadline.min(FOREVER);
        let start = Instant::now();
        let entries = self.begin_shutdown();
        let present = entries.len();
        self.close_one_by_one(entries, start, self.drain_spread.min(deadline / 2))
            .await;
        if timeout_at(start + deadline / 2, self.counters.quiet())
            .await
            .is_err()
        {
            tracing::debug!("closing sockets although some are still busy");
        }
        for entry in self.close_to_broadcasts() {
            self.send_away(&entry);
        }
        let mut cut = 0;
        for (part, extent) in [
            (deadline / 10 * 9, Kill::Connection),
            (deadline, Kill::Task),
        ] {
            if timeout_at(start + part, self.all_gone()).await.is_ok() {
                break;
            }
            let left = self.entries();
            cut = cut.max(left.len());
            left.iter().for_each(|entry| entry.outbox.kill(extent));
        }
        if timeout_at(start + deadline + GRACE, self.all_gone())
            .await
            .is_err()
        {
            tracing::error!("a socket's task does not end: something in it blocks its thread");
        }
        self.tell_given_up();
        if let Some(streams) = &self.history {
            // What was published before is to reach the other nodes.
            streams.quiet().await;
        }
        if let Some(node) = self.cluster.node() {
            node.leave().await;
        }
        ShutdownReport {
            closed: present.saturating_sub(cut),
            cut,
        }
    }

    /// Returns the refusal of a client that comes during a shutdown.
    pub(crate) fn shutting_down(&self) -> ShuttingDown {
        self.state.lock().shutting_down()
    }

    /// Closes a socket because of the shutdown.
    pub(super) fn send_away(&self, entry: &SocketEntry) {
        let reason = CloseReason::going_away(self.state.lock().return_within);
        self.close_entry(entry, reason, Backlog::Deliver);
    }

    /// Refuses new sockets from now on, and returns those that there are.
    fn begin_shutdown(&self) -> Vec<Arc<SocketEntry>> {
        let mut state = self.state.lock();
        let all = state.registry.all();
        let entries: Vec<_> = all.map(|(_, entry)| entry.clone()).collect();
        if state.phase == Phase::Running {
            state.phase = Phase::Draining;
            state.return_within = return_within(self.reconnect_window, entries.len());
        }
        entries
    }

    /// Closes sockets that are open, in random order, spread over at most `spread`. Those that are busy
    /// close by themselves once they are not.
    async fn close_one_by_one(
        &self,
        mut entries: Vec<Arc<SocketEntry>>,
        start: Instant,
        spread: Duration,
    ) {
        if spread.is_zero() {
            return;
        }
        entries.retain(|entry| entry.outbox.is_open());
        // The keys of a `RandomState` are random.
        let order = RandomState::new();
        entries.sort_by_cached_key(|entry| order.hash_one(entry.id));
        let count = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        let spread = spread.min(EACH * count);
        for (turn, entry) in (0..).zip(&entries) {
            let moment = start + spread * turn / count;
            if timeout_at(moment, self.all_gone()).await.is_ok() {
                return;
            }
            if entry.occupation.ask_to_leave() {
                self.send_away(entry);
            }
        }
    }

    /// Refuses broadcasts from now on, and returns the sockets that are left.
    fn close_to_broadcasts(&self) -> Vec<Arc<SocketEntry>> {
        self.state.lock().phase = Phase::Closing;
        self.entries()
    }

    async fn all_gone(&self) {
        loop {
            let changed = self.gone.notified();
            if self.state.lock().registry.all().len() == 0 {
                return;
            }
            changed.await;
        }
    }
}

impl State {
    /// Returns the refusal of a client that comes during a shutdown.
    pub(super) fn shutting_down(&self) -> ShuttingDown {
        ShuttingDown {
            retry_after: random_retry(self.return_within),
        }
    }
}

/// Returns the seconds within which the clients of so many sockets should return, of at most `window`.
fn return_within(window: Duration, sockets: usize) -> u64 {
    let sockets = u32::try_from(sockets).unwrap_or(u32::MAX);
    let time = window.min(EACH.saturating_mul(sockets));
    if window.is_zero() {
        0
    } else {
        whole_seconds(time).max(1)
    }
}

/// The time that each socket adds to the time over which they close and their clients return, up to the
/// limits of both: what takes a hundred of them a second is not a storm.
const EACH: Duration = Duration::from_millis(10);

/// Longer than any server runs, and still an instant that the clock can name.
const FOREVER: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// The time that a task which was cut off has to end.
const GRACE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_return_at_a_hundred_per_second_within_the_window() {
        let window = Duration::from_secs(20);
        for (sockets, seconds) in [
            (0, 1),
            (1, 1),
            (100, 1),
            (101, 2),
            (1_950, 20),
            (2_000, 20),
            (1_000_000, 20),
            (usize::MAX, 20),
        ] {
            assert_eq!(return_within(window, sockets), seconds, "{sockets}");
        }
        assert_eq!(return_within(Duration::from_millis(300), 1_000), 1);
        assert_eq!(return_within(Duration::from_millis(1_001), 1_000), 2);
        assert_eq!(return_within(Duration::MAX, 1_000), 10);
        assert_eq!(return_within(Duration::ZERO, 1_000), 0);
    }

    #[test]
    fn the_reason_of_any_window_fits_into_a_close_frame() {
        let most = return_within(Duration::MAX, usize::MAX);
        let reason = CloseReason::going_away(most).to_string();
        assert_eq!(
            reason.parse::<CloseReason>().map(|reason| reason.code()),
            Ok(1001)
        );
    }
}
