//! The figures that a hub, its sockets and the middleware count as they work.

use std::collections::BTreeMap;

use tokio::{sync::Notify, time::Instant};

use super::stats::Stats;
use crate::{
    protocol::RejectionKind,
    sync::{
        Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};

/// Figures that are counted as things happen. Shared by the hub, its sockets and the middleware.
#[derive(Debug)]
pub(crate) struct Counters {
    limit: usize,
    bytes_queued: AtomicUsize,
    messages_in: AtomicU64,
    messages_out: AtomicU64,
    dropped: AtomicU64,
    undelivered: AtomicU64,
    /// Work for the application that waits for its turn or runs.
    pending: AtomicUsize,
    running: AtomicUsize,
    failed: AtomicU64,
    shed: AtomicU64,
    panics: AtomicU64,
    refusals: Mutex<BTreeMap<RejectionKind, u64>>,
    published: AtomicU64,
    quiet: Notify,
}

impl Counters {
    /// `limit`: the bytes that all outgoing queues may hold together.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            bytes_queued: AtomicUsize::new(0),
            messages_in: AtomicU64::new(0),
            messages_out: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            undelivered: AtomicU64::new(0),
            pending: AtomicUsize::new(0),
            running: AtomicUsize::new(0),
            failed: AtomicU64::new(0),
            shed: AtomicU64::new(0),
            panics: AtomicU64::new(0),
            refusals: Mutex::default(),
            published: AtomicU64::new(0),
            quiet: Notify::new(),
        }
    }

    pub(crate) fn message_in(&self) {
        self.messages_in.fetch_add(1, Relaxed);
    }

    /// Counts work that asks for its turn.
    pub(crate) fn work_asked(&self) {
        self.pending.fetch_add(1, Relaxed);
    }

    /// Counts the end of that work. To be called once its place was passed on.
    pub(crate) fn work_ended(&self) {
        if self.pending.fetch_sub(1, Relaxed) == 1 {
            self.quiet.notify_waiters();
        }
    }

    pub(crate) fn dispatch_started(&self) {
        self.running.fetch_add(1, Relaxed);
    }

    pub(crate) fn dispatch_ended(&self) {
        self.running.fetch_sub(1, Relaxed);
    }

    pub(crate) fn dispatch_failed(&self) {
        self.failed.fetch_add(1, Relaxed);
    }

    pub(super) fn message_shed(&self) {
        self.shed.fetch_add(1, Relaxed);
    }

    pub(super) fn panicked(&self) {
        self.panics.fetch_add(1, Relaxed);
    }

    pub(crate) fn refused(&self, kind: RejectionKind) {
        *self.refusals.lock().entry(kind).or_default() += 1;
    }

    /// Counts a broadcast that was accepted.
    pub(super) fn broadcast(&self) {
        self.published.fetch_add(1, Relaxed);
    }

    /// Returns how many broadcasts were accepted so far.
    pub(super) fn published(&self) -> u64 {
        self.published.load(Relaxed)
    }

    pub(super) fn dropped(&self, messages: usize) {
        self.dropped.fetch_add(messages as u64, Relaxed);
    }

    pub(super) fn undelivered(&self) {
        self.undelivered.fetch_add(1, Relaxed);
    }

    /// Counts what was written.
    pub(super) fn record(&self, tally: Tally) {
        if tally.messages > 0 {
            self.messages_out.fetch_add(tally.messages, Relaxed);
        }
        self.release(tally.cost);
    }

    /// Whether so many more bytes would exceed the hub's bound.
    pub(super) fn is_full(&self, bytes: usize) -> bool {
        self.bytes_queued() + bytes > self.limit
    }

    /// Whether so many more bytes would exceed the hub's bound and an eighth of it.
    pub(super) fn is_far_beyond(&self, bytes: usize) -> bool {
        self.bytes_queued() + bytes > self.limit.saturating_add(self.limit / 8)
    }

    /// Returns how many bytes have to go so that an eighth of the hub's bound is free beside so many
    /// more.
    pub(super) fn surplus(&self, bytes: usize) -> usize {
        (self.bytes_queued() + bytes).saturating_sub(self.limit - self.limit / 8)
    }

    /// Returns what each of so many queues may hold so that all together leave an eighth of the bound
    /// free.
    pub(super) fn equal_share(&self, queues: usize) -> usize {
        (self.limit - self.limit / 8) / queues.max(1)
    }

    /// Adds queued bytes.
    pub(super) fn charge(&self, bytes: usize) {
        self.bytes_queued.fetch_add(bytes, Relaxed);
    }

    pub(super) fn release(&self, bytes: usize) {
        if bytes > 0 && self.bytes_queued.fetch_sub(bytes, Relaxed) == bytes {
            self.quiet.notify_waiters();
        }
    }

    pub(super) fn bytes_queued(&self) -> usize {
        self.bytes_queued.load(Relaxed)
    }

    /// Waits until nothing is queued, and nothing is dispatched or waits for its turn.
    ///
    /// Cancel safe.
    pub(super) async fn quiet(&self) {
        loop {
            let changed = self.quiet.notified();
            if self.bytes_queued() == 0 && self.pending.load(Relaxed) == 0 {
                return;
            }
            changed.await;
        }
    }

    /// Returns all figures but those of the registry.
    pub(super) fn snapshot(&self) -> Stats {
        Stats {
            messages_in: self.messages_in.load(Relaxed),
            messages_out: self.messages_out.load(Relaxed),
            bytes_queued: self.bytes_queued(),
            dropped: self.dropped.load(Relaxed),
            undelivered: self.undelivered.load(Relaxed),
            dispatches_running: self.running.load(Relaxed),
            dispatches_failed: self.failed.load(Relaxed),
            messages_shed: self.shed.load(Relaxed),
            panics: self.panics.load(Relaxed),
            refusals: self.refusals.lock().clone(),
            ..Stats::default()
        }
    }
}

/// What was written, added up so that shared counters are touched once for many sockets: they would
/// bounce between the caches of two threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) messages: u64,
    /// What the messages that left the sockets' own queues had cost there.
    pub(super) cost: usize,
    now: Option<Instant>,
}

impl Tally {
    /// Returns one instant for all sockets: reading the clock for each would cost more than it tells.
    pub(super) fn now(&mut self) -> Instant {
        *self.now.get_or_insert_with(Instant::now)
    }
}

/// A tally of one writer, which is recorded when this is dropped: also if the stream that it writes to
/// panics.
#[derive(Debug)]
pub(super) struct Recording<'a> {
    counters: &'a Counters,
    pub(super) tally: Tally,
}

impl<'a> Recording<'a> {
    pub(super) fn new(counters: &'a Counters) -> Self {
        Self {
            counters,
            tally: Tally::default(),
        }
    }
}

impl Drop for Recording<'_> {
    fn drop(&mut self) {
        self.counters.record(self.tally);
    }
}
