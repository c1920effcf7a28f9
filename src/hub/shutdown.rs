//! Ending all sockets before a process ends.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, timeout_at};

use super::{
    delivery::{Backlog, Kill},
    hub::Hub,
    phase::Phase,
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
    /// From the first call on, new sockets are refused with 503. For at most half of the time, queues
    /// are written and messages are answered, those that wait for their turn as well; broadcasts are
    /// still accepted. Then each socket is closed with 1001, after what is queued for it, and broadcasts
    /// are refused. For the last tenth of the time connections and dispatches that are still there are
    /// cut off, and the application gets its disconnect events. In a cluster the other nodes are told
    /// last, which takes at most another second. What is left at the deadline is dropped;
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
        let present = self.advance(Phase::Draining).len();
        if timeout_at(start + deadline / 2, self.counters.quiet())
            .await
            .is_err()
        {
            tracing::debug!("closing sockets although some are still busy");
        }
        for entry in self.advance(Phase::Closing) {
            self.close_entry(&entry, CloseReason::GOING_AWAY, Backlog::Deliver);
        }
        let mut cut = 0;
        for (part, extent) in [
            (deadline / 10 * 9, Kill::Connection),
            (deadline, Kill::Task),
        ] {
            if timeout_at(start + part, self.all_gone()).await.is_ok() {
                break;
            }
            let left = self.advance(Phase::Closing);
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
        if let Some(node) = self.cluster.node() {
            node.leave().await;
        }
        ShutdownReport {
            closed: present.saturating_sub(cut),
            cut,
        }
    }

    /// Moves on to a phase, never back, and returns the sockets that are left.
    fn advance(&self, phase: Phase) -> Vec<Arc<SocketEntry>> {
        let mut state = self.state.lock();
        state.phase = state.phase.max(phase);
        let all = state.registry.all();
        all.map(|(_, entry)| entry.clone()).collect()
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

/// Longer than any server runs, and still an instant that the clock can name.
const FOREVER: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// The time that a task which was cut off has to end.
const GRACE: Duration = Duration::from_secs(1);
