//! The flushers of one runtime, as those see them that have work for them.

use tokio::{
    runtime::{self, Handle},
    sync::Notify,
};

use super::row::SOCKETS_PER_ROW;
use crate::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The flushers of one runtime, one for each of its worker threads while it has that many sockets.
///
/// A broadcast wakes them instead of one task for each recipient (0.5 to 2 µs each), and what is
/// broadcast while they are at work joins what they write next: the busier the hub, the more frames
/// leave in one call.
#[derive(Debug)]
pub(in crate::hub) struct Crew {
    runtime: runtime::Id,
    workers: usize,
    /// Sockets of the runtime. Changes under the fan-out's lock only, as the next does.
    sockets: AtomicUsize,
    flushers: AtomicUsize,
    /// Flushers that were woken for the next batch and have not come yet.
    expected: AtomicUsize,
    /// Never notified under a lock: a wake may be a system call.
    pub(super) work: Notify,
}

impl Crew {
    pub(super) fn new(runtime: &Handle) -> Self {
        Self {
            runtime: runtime.id(),
            workers: runtime.metrics().num_workers(),
            sockets: AtomicUsize::new(0),
            flushers: AtomicUsize::new(0),
            expected: AtomicUsize::new(0),
            work: Notify::new(),
        }
    }

    pub(super) fn is_of(&self, runtime: &Handle) -> bool {
        self.runtime == runtime.id()
    }

    pub(super) fn add_socket(&self) {
        self.sockets.fetch_add(1, Relaxed);
    }

    /// Returns whether it was the last one.
    pub(super) fn remove_socket(&self) -> bool {
        self.sockets.fetch_sub(1, Relaxed) == 1
    }

    pub(super) fn has_sockets(&self) -> bool {
        self.sockets.load(Relaxed) > 0
    }

    /// Whether the runtime's sockets are worth one more flusher. Two are from the first socket on, so
    /// that one can take over from the other.
    pub(super) fn is_short(&self) -> bool {
        let wanted = self.sockets.load(Relaxed).div_ceil(SOCKETS_PER_ROW).max(2);
        self.flushers() < wanted.min(self.workers)
    }

    pub(super) fn add_flusher(&self) {
        self.flushers.fetch_add(1, Relaxed);
    }

    pub(super) fn remove_flusher(&self) {
        self.flushers.fetch_sub(1, Relaxed);
    }

    pub(super) fn flushers(&self) -> usize {
        self.flushers.load(Relaxed)
    }

    /// Notes that [`wake`](Self::wake) is to follow for a new batch.
    pub(super) fn expect(&self) {
        self.expected.store(self.flushers().min(WOKEN), Relaxed);
    }

    /// Notes that the batch goes without those that have not come.
    pub(super) fn expect_none(&self) {
        self.expected.store(0, Relaxed);
    }

    /// Notes that one of them has come.
    pub(super) fn has_come(&self) {
        let expected = self.expected.load(Relaxed);
        self.expected.store(expected.saturating_sub(1), Relaxed);
    }

    /// Whether one of them is still to come.
    pub(super) fn is_expected(&self) -> bool {
        self.expected.load(Relaxed) > 0
    }

    /// Has its flushers look for something to write. To be called without a lock.
    ///
    /// Two are woken. The task that a thread wakes last is bound to run there, and what runs there now
    /// may block that thread; the one before it can be taken over by another thread.
    pub(in crate::hub) fn wake(&self) {
        self.wake_up_to(WOKEN);
    }

    /// Wakes as many of its flushers. To be called without a lock.
    pub(super) fn wake_up_to(&self, most: usize) {
        for _ in 0..self.flushers().min(most) {
            self.work.notify_one();
        }
    }

    /// Returns what the flushers wait for.
    #[cfg(test)]
    pub(in crate::hub) fn work(&self) -> &Notify {
        &self.work
    }

    /// Whether it has a flusher.
    #[cfg(test)]
    pub(in crate::hub) fn is_running(&self) -> bool {
        self.flushers() > 0
    }
}

/// Flushers that are woken for one message.
const WOKEN: usize = 2;
