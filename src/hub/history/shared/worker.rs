//! The worker task: appends, reads and timers of stored streams.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};

use crate::{
    history::{Appended, BoxFuture, HistoryError, HistoryErrorKind, Page},
    hub::history::{
        lane::Lane,
        sequencer::Place,
        store::{Append, MAX_CALL, Purpose, Read, Shared},
        streams::Streams,
    },
    sync::atomic::Ordering::Relaxed,
    unwind::{Contained, Panicked, contain},
};

/// Starts the worker, if there is a runtime and it does not run. Returns whether it runs.
pub(super) fn start(streams: &Arc<Streams>, shared: &Arc<Shared>) -> bool {
    if shared.is_running.load(Relaxed) {
        return true;
    }
    let Ok(runtime) = Handle::try_current() else {
        return false;
    };
    if !shared.is_running.swap(true, Relaxed) {
        // Made here, since a runtime that ends may drop the task before it has begun.
        let running = Running(shared.clone());
        runtime.spawn(run(Arc::downgrade(streams), running));
    }
    true
}

/// Says that the worker does not run any more, when its task ends.
struct Running(Arc<Shared>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.is_running.store(false, Relaxed);
    }
}

/// What a call has come to.
enum Over {
    /// Its id, and how many bytes it has.
    Append(Arc<Lane>, u64, usize, Result<Appended, HistoryError>),
    /// And when the store was asked.
    Read(Read, Instant, Result<Page, HistoryError>),
}

async fn run(streams: Weak<Streams>, running: Running) {
    let shared = running.0.clone();
    let mut calls = JoinSet::new();
    let mut reads = 0;
    let mut look = Look::default();
    loop {
        let now = Instant::now();
        let next = [shared.timers.next(), look.at].into_iter().flatten().min();
        let next = next.unwrap_or(now);
        let over = tokio::select! {
            Some(over) = calls.join_next() => Some(over),
            () = shared.wake.notified() => None,
            () = sleep_until(next) => None,
        };
        let Some(streams) = streams.upgrade() else {
            return;
        };
        let mut next_over = over;
        while let Some(over) = next_over {
            match over {
                Ok(over) => {
                    reads -= usize::from(matches!(over, Over::Read(..)));
                    streams.take(&shared, over);
                    // Deliveries may take long, and the store is not to wait for them.
                    streams.begin_appends(&shared, &mut calls);
                }
                // A panic of the store is caught before.
                Err(error) => tracing::error!(%error, "a call to the history's store was lost"),
            }
            next_over = calls.try_join_next();
        }
        streams.tick(&shared, &mut look);
        streams.begin_appends(&shared, &mut calls);
        while reads < MAX_READS {
            let read = shared.calls.lock().next_read();
            let Some(read) = read else {
                break;
            };
            reads += 1;
            calls.spawn(streams.read(&shared, read));
        }
    }
}

/// When all lanes are looked at next, and what was known then.
#[derive(Default)]
struct Look {
    at: Option<Instant>,
    breaks: u64,
}

impl Streams {
    /// Waits until a store has answered all that it was asked to append, for a moment at most.
    ///
    /// Cancel safe.
    pub(in crate::hub) async fn quiet(&self) {
        if let Some(shared) = self.shared() {
            if timeout(MAX_QUIET, shared.quiet()).await.is_err() {
                tracing::debug!("the history's store has not answered before the end");
            }
        }
    }

    /// Has all that waits appended.
    fn begin_appends(&self, shared: &Arc<Shared>, calls: &mut JoinSet<Over>) {
        loop {
            let append = shared.calls.lock().next_append();
            let Some(append) = append else {
                break;
            };
            calls.spawn(self.append(shared, append));
        }
    }

    /// Has a message appended. The store is asked now, and answers later.
    fn append(
        &self,
        shared: &Arc<Shared>,
        append: Append,
    ) -> impl Future<Output = Over> + Send + use<> {
        let Append { lane, id, entry } = append;
        let bytes = entry.len();
        let room = Room(shared.clone(), bytes);
        let call = match lane.key() {
            Some(key) => begin(|| shared.append(&lane, id, entry, key)),
            None => Err(not_shared()),
        };
        async move {
            let appended = answer(call).await;
            drop(room);
            Over::Append(lane, id, bytes, appended)
        }
    }

    fn read(&self, shared: &Arc<Shared>, read: Read) -> impl Future<Output = Over> + Send + use<> {
        let after = match read.purpose {
            Purpose::Order(last) => Some((last.epoch, last.offset)),
            Purpose::CatchUp(after) => after,
        };
        let limit = match (after, read.purpose) {
            (None, Purpose::CatchUp(_)) => usize::from(read.lane.keep.is_latest),
            _ => MAX_ENTRIES,
        };
        let began = Instant::now();
        let call = match read.lane.key() {
            Some(key) => begin(|| shared.read(&read.lane, key, after, limit)),
            None => Err(not_shared()),
        };
        async move {
            let page = answer(call).await;
            Over::Read(read, began, page)
        }
    }

    /// Takes what a call has come to.
    fn take(self: &Arc<Self>, shared: &Shared, over: Over) {
        let failed = |error: &HistoryError| {
            shared.totals.failed_calls.fetch_add(1, Relaxed);
            tracing::debug!(%error, "the history's store did not do what it was asked for");
        };
        match over {
            Over::Append(lane, id, bytes, appended) => {
                let appended = appended.inspect_err(failed).ok();
                // A place that cannot be is none.
                let place = appended.filter(|it| it.epoch != 0 && it.offset != 0);
                shared.make_room(lane.name.as_ref(), bytes);
                let mut state = lane.lock();
                let now = Instant::now();
                self.act(shared, &lane, &mut state, |sequencer| match place {
                    Some(appended) => sequencer.answered(
                        Place {
                            epoch: appended.epoch,
                            offset: appended.offset,
                            previous: appended.previous,
                            id,
                        },
                        now,
                    ),
                    None => sequencer.failed(id, now),
                });
            }
            Over::Read(Read { lane, purpose }, began, page) => {
                let page = page.inspect_err(failed).ok();
                match purpose {
                    Purpose::Order(after) => {
                        self.continue_order(shared, &lane, after, page, began);
                    }
                    Purpose::CatchUp(after) => {
                        self.continue_catching(shared, &lane, after, page, began);
                    }
                }
            }
        }
        self.keep_bound();
    }

    /// Does what is due.
    fn tick(&self, shared: &Shared, look: &mut Look) {
        let now = Instant::now();
        while let Some((at, lane)) = shared.timers.due(now) {
            let mut state = lane.lock();
            if let Some(order) = &mut state.order {
                order.due = order.due.filter(|due| *due != at);
            }
            self.act(shared, &lane, &mut state, |sequencer| sequencer.tick(now));
        }
        if look.at.is_none_or(|at| now >= at) {
            look.at = Some(now + BETWEEN_LOOKS);
            let breaks = self.all_breaks();
            if breaks != look.breaks {
                look.breaks = breaks;
                self.ask_for_what_was_missed(shared, now);
            }
        }
    }

    /// Asks the store what other nodes have sent that may not have come.
    fn ask_for_what_was_missed(&self, shared: &Shared, now: Instant) {
        let Some(sockets) = shared.sockets.upgrade() else {
            return;
        };
        let lanes: Vec<_> = self.lanes.lock().by_name.values().cloned().collect();
        for lane in lanes {
            let mut state = lane.lock();
            let breaks = self.breaks(lane.way);
            if state.breaks == breaks {
                continue;
            }
            state.breaks = breaks;
            // Asked while the lane is held: a socket that comes now finds what is forgotten.
            let has_members = sockets.has_members(lane.name.as_ref());
            self.act(shared, &lane, &mut state, |sequencer| {
                if has_members {
                    sequencer.ask(now);
                    Vec::new()
                } else {
                    // No socket has missed it. One that comes asks.
                    sequencer.forget(now)
                }
            });
        }
    }
}

/// The room of an append, until that is over.
struct Room(Arc<Shared>, usize);

impl Drop for Room {
    fn drop(&mut self) {
        self.0.append_is_over(self.1);
    }
}

type Answer<T> = BoxFuture<'static, Result<T, HistoryError>>;

/// Begins a call. A panic of the store is an error.
pub(super) fn begin<T>(call: impl FnOnce() -> Answer<T>) -> Result<Answer<T>, HistoryError> {
    contain(call).map_err(|Panicked| panicked())
}

/// Waits for the answer to a call, for a bounded time. A panic of the store is an error.
pub(super) async fn answer<T>(call: Result<Answer<T>, HistoryError>) -> Result<T, HistoryError> {
    let call = call?;
    let dropped = || tracing::error!("the history's store panicked when a call was given up");
    match timeout(MAX_CALL, Contained::new(call, dropped)).await {
        Ok(Ok(answered)) => answered,
        Ok(Err(Panicked)) => Err(panicked()),
        Err(_elapsed) => Err(error("no answer within 5 s")),
    }
}

fn panicked() -> HistoryError {
    error("the store panicked")
}

fn not_shared() -> HistoryError {
    error("the stream is not shared")
}

fn error(text: &'static str) -> HistoryError {
    HistoryError::new(HistoryErrorKind::Unanswered, text)
}

/// How long the end of a hub waits for a store: as long as a message waits for its place.
const MAX_QUIET: Duration = Duration::from_millis(250);

/// How many reads are under way at a time.
const MAX_READS: usize = 64;

/// How many entries are taken of a read.
const MAX_ENTRIES: usize = 1_000;

/// How often it is looked whether other nodes' messages may have been missed.
const BETWEEN_LOOKS: Duration = Duration::from_millis(250);
