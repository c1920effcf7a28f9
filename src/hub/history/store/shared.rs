//! The store of a hub, and what waits for it.

use std::{
    fmt,
    sync::{Arc, Weak},
    time::Duration,
};

use bytes::Bytes;
use tokio::{sync::Notify, time::Instant};

use super::{
    calls::{Append, Calls, Purpose, Read},
    sockets::Sockets,
    timers::Timers,
};
use crate::{
    history::{self, Appended, BoxFuture, History, HistoryError, Page},
    hub::history::lane::Lane,
    protocol::StreamRef,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64},
    },
};

/// The store of a hub, and what waits for it.
pub(in crate::hub::history) struct Shared {
    store: Box<dyn History>,
    pub(in crate::hub::history) sockets: Weak<dyn Sockets>,
    pub(in crate::hub::history) calls: Mutex<Calls>,
    pub(in crate::hub::history) timers: Timers,
    /// Notified when the worker has something to do.
    pub(in crate::hub::history) wake: Notify,
    /// Notified when no append is under way.
    pub(in crate::hub::history) quiet: Notify,
    pub(in crate::hub::history) is_running: AtomicBool,
    pub(in crate::hub::history) totals: Totals,
}

#[derive(Debug, Default)]
pub(in crate::hub::history) struct Totals {
    /// Messages that went to the sockets without a place.
    pub(in crate::hub::history) void: AtomicU64,
    pub(in crate::hub::history) gaps: AtomicU64,
    pub(in crate::hub::history) failed_calls: AtomicU64,
    pub(in crate::hub::history) garbage: AtomicU64,
}

impl Shared {
    pub(in crate::hub::history) fn new(store: impl History, sockets: Weak<dyn Sockets>) -> Self {
        Self {
            store: Box::new(store),
            sockets,
            calls: Mutex::default(),
            timers: Timers::default(),
            wake: Notify::new(),
            quiet: Notify::new(),
            is_running: AtomicBool::new(false),
            totals: Totals::default(),
        }
    }

    /// Makes room for a message of a stream before its lane is locked, as far as that takes time.
    pub(in crate::hub::history) fn make_room(&self, stream: StreamRef<'_>, bytes: usize) {
        if let Some(sockets) = self.sockets.upgrade() {
            sockets.make_room(stream, bytes);
        }
    }

    /// Whether a stream has a socket whose messages do not wait behind a gate.
    pub(in crate::hub::history) fn has_live_members(&self, stream: StreamRef<'_>) -> bool {
        let sockets = self.sockets.upgrade();
        sockets.is_some_and(|sockets| sockets.has_live_members(stream))
    }

    /// Queues an append. Returns `false` if there is no room.
    pub(in crate::hub::history) fn queue_append(&self, append: Append) -> bool {
        let is_queued = self.calls.lock().append(append);
        if is_queued {
            self.wake.notify_one();
        }
        is_queued
    }

    pub(in crate::hub::history) fn queue_read(&self, lane: &Arc<Lane>, purpose: Purpose) {
        let lane = lane.clone();
        self.calls.lock().read(Read { lane, purpose });
        self.wake.notify_one();
    }

    /// Notes that an append is over.
    pub(in crate::hub::history) fn append_is_over(&self, bytes: usize) {
        let mut calls = self.calls.lock();
        calls.appended(bytes);
        if calls.is_quiet() {
            self.quiet.notify_waiters();
        }
    }

    /// Waits until no append is under way.
    ///
    /// Cancel safe.
    pub(in crate::hub::history) async fn quiet(&self) {
        loop {
            let quiet = self.quiet.notified();
            if self.calls.lock().is_quiet() {
                return;
            }
            quiet.await;
        }
    }

    /// Has a lane looked at by then.
    pub(in crate::hub::history) fn look_at(&self, at: Instant, lane: &Arc<Lane>) {
        if self.timers.set(at, lane) {
            self.wake.notify_one();
        }
    }

    /// Asks the store to append. To be called in the order of the entries.
    pub(in crate::hub::history) fn append(
        &self,
        lane: &Lane,
        id: u64,
        entry: Bytes,
        key: history::StreamKey,
    ) -> BoxFuture<'static, Result<Appended, HistoryError>> {
        let append = history::Append::new(key, id, entry, retention(lane));
        self.store.append(append)
    }

    /// Asks the store for what comes after an epoch and offset, or for its newest entries.
    pub(in crate::hub::history) fn read(
        &self,
        lane: &Lane,
        key: history::StreamKey,
        after: Option<(u64, u64)>,
        limit: usize,
    ) -> BoxFuture<'static, Result<Page, HistoryError>> {
        let read = history::Read::newest(key, limit, MAX_PAGE_BYTES, retention(lane));
        self.store.read(match after {
            Some((epoch, offset)) => read.after(epoch, offset),
            None => read,
        })
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("calls", &self.calls)
            .finish_non_exhaustive()
    }
}

fn retention(lane: &Lane) -> history::Retention {
    history::Retention::new(lane.keep.messages, lane.keep.age)
}

/// How long any call to a store is waited for: more than its own deadline.
pub(in crate::hub::history) const MAX_CALL: Duration = Duration::from_secs(5);

/// How many bytes of entries are taken of a read.
const MAX_PAGE_BYTES: usize = 8 << 20;
