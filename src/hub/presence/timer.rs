//! The presence task: ends absences, and tells watchers, the application and other nodes.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    task::yield_now,
    time::{Instant, timeout_at},
};

use super::{
    attendance::{Attendance, Shared},
    change::PresenceChange,
    group::Told,
};
use crate::{frame::Frame, hub::cluster::MemberReport, sync::atomic::Ordering::Relaxed};

/// The sockets that are told of members; the hub implements it.
pub(in crate::hub) trait Audience<W>: Send + Sync {
    /// Queues a frame for watchers, and empties the list.
    fn show(&self, watchers: &mut Vec<W>, frame: &Frame);

    /// Tells other nodes of members of this one.
    fn report(&self, partition: u8, report: &MemberReport);

    /// Asks a node for all its members in some partitions, one bit for each.
    fn want(&self, node: u64, partitions: u64);

    /// Notes that a function of the application panicked.
    fn presence_hook_panicked(&self);
}

impl<W: Clone + Send + Sync + 'static> Attendance<W> {
    /// Starts the task, if there is a runtime and something to keep track of, and it does not run. It ends
    /// with the runtime, and is started again on another one.
    pub(in crate::hub) fn start(&self, audience: impl FnOnce() -> Weak<dyn Audience<W>>) {
        if self.0.rules.is_empty() || self.0.is_running() {
            return;
        }
        if let Ok(runtime) = Handle::try_current() {
            if !self.0.is_running.swap(true, Relaxed) {
                // Made here, since a runtime that ends may drop the task before it has begun.
                runtime.spawn(run(Running(self.0.clone()), audience()));
            }
        }
    }
}

/// Does what is due, until the hub is gone.
async fn run<W: Clone + Send + Sync>(running: Running<W>, audience: Weak<dyn Audience<W>>) {
    let shared = &running.0;
    loop {
        let Some(hub) = audience.upgrade() else {
            return;
        };
        let due = work(shared, &*hub).await;
        drop(hub);
        // What is due earlier was noted under the lock under which `due` was found.
        let _earlier = timeout_at(due, shared.changed.notified()).await;
    }
}

/// Does what is due now. Returns when something is due next.
async fn work<W: Clone + Send + Sync>(shared: &Shared<W>, hub: &dyn Audience<W>) -> Instant {
    loop {
        let work = match shared.take_due(Instant::now()) {
            Due::Now(work) => work,
            Due::At(due) => return due,
        };
        for (partition, report) in &work.reports {
            hub.report(*partition, report);
        }
        for (node, partitions) in &work.wanted {
            hub.want(*node, *partitions);
        }
        for change in &work.changes {
            if shared.hooks.tell(change) {
                hub.presence_hook_panicked();
            }
        }
        yield_now().await;
        for one in &work.told {
            for turn in one.watchers.chunks(WATCHERS_PER_TURN) {
                // Looked up only now, because a watch may have ended since.
                let mut watchers = shared.table.lock().watchers(&one.group, turn);
                hub.show(&mut watchers, &one.frame);
                yield_now().await;
            }
        }
    }
}

/// What is to be done now, or when there will be something.
enum Due {
    Now(Work),
    At(Instant),
}

/// What is to be done now.
struct Work {
    told: Vec<Told>,
    changes: Vec<PresenceChange>,
    reports: Vec<(u8, MemberReport)>,
    wanted: Vec<(u64, u64)>,
}

impl Work {
    fn is_some(&self) -> bool {
        let own = self.told.is_empty() && self.changes.is_empty();
        !(own && self.reports.is_empty() && self.wanted.is_empty())
    }
}

impl<W: Clone> Shared<W> {
    fn take_due(&self, now: Instant) -> Due {
        self.settle(now);
        let mut table = self.table.lock();
        let work = Work {
            told: table.tick(now),
            changes: table.take_changes(),
            reports: table.reports(now),
            wanted: table.remotes.take_wanted(),
        };
        let due = table.deadline(now).unwrap_or(now + LONGEST_SLEEP);
        if work.is_some() || due <= now {
            return Due::Now(work);
        }
        table.sleeps_until = Some(due);
        Due::At(due)
    }
}

/// Says when the task is gone, also with its runtime.
struct Running<W>(Arc<Shared<W>>);

impl<W> Drop for Running<W> {
    fn drop(&mut self) {
        self.0.is_running.store(false, Relaxed);
    }
}

/// The watchers to which a frame is sent before others of the thread's tasks have their turn.
const WATCHERS_PER_TURN: usize = 256;

/// The task wakes now and then, although it is woken when there is something to do.
const LONGEST_SLEEP: Duration = Duration::from_secs(60 * 60);
