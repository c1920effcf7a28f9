//! The handle of a store behind a network.

use std::{fmt, sync::Arc};

use tokio::{
    runtime::Handle,
    sync::{Semaphore, mpsc, oneshot, watch},
    time::{Duration, Instant, timeout_at},
};

use super::{
    feeder::{self, State},
    job::Job,
    server::{NoPage, Server},
};
use crate::{
    history::{
        append::{Append, Appended},
        error::{HistoryError, HistoryErrorKind},
        read::{Page, Read},
        store::BoxFuture,
    },
    sync::Mutex,
};

/// A store, and the task that keeps a link to it, which ends with this.
pub(in crate::history) struct Remote<S: Server> {
    server: Arc<S>,
    running: Mutex<Option<Running<S>>>,
    /// The bytes that entries may take until they are stored.
    room: Arc<Semaphore>,
    /// How many reads may be under way.
    reads: Arc<Semaphore>,
}

/// The ends of the task's channels.
struct Running<S: Server> {
    queue: mpsc::Sender<Job>,
    state: watch::Receiver<State<S::Link>>,
}

impl<S: Server> Remote<S> {
    pub(in crate::history) fn new(server: S) -> Self {
        Self {
            server: Arc::new(server),
            running: Mutex::new(None),
            room: Arc::new(Semaphore::new(MAX_BYTES)),
            reads: Arc::new(Semaphore::new(MAX_READS)),
        }
    }

    /// Returns the description of the store, to be changed. No link to the one before is used any more.
    pub(in crate::history) fn server_mut(&mut self) -> &mut S
    where
        S: Clone,
    {
        self.running = Mutex::new(None);
        Arc::make_mut(&mut self.server)
    }

    pub(in crate::history) fn append(
        &self,
        append: Append,
    ) -> BoxFuture<'static, Result<Appended, HistoryError>> {
        let deadline = Instant::now() + DEADLINE;
        let queued = self.queue(append, deadline);
        Box::pin(async move {
            match timeout_at(deadline, queued?).await {
                Ok(Ok(result)) => result,
                Ok(Err(_gone)) => Err(HistoryError::new(HistoryErrorKind::Unanswered, STOPPED)),
                Err(_elapsed) => Err(late()),
            }
        })
    }

    pub(in crate::history) fn read(
        &self,
        read: Read,
    ) -> BoxFuture<'static, Result<Page, HistoryError>> {
        let deadline = Instant::now() + DEADLINE;
        let state = self.running(|running| running.state.clone());
        let slot = self.reads.clone().try_acquire_owned();
        let server = self.server.clone();
        Box::pin(async move {
            let _slot = slot.map_err(|_| full("256 reads are under way"))?;
            let mut state = state?;
            match timeout_at(deadline, page(&*server, &mut state, &read)).await {
                Ok(result) => result,
                Err(_elapsed) => Err(late()),
            }
        })
    }

    fn queue(
        &self,
        append: Append,
        deadline: Instant,
    ) -> Result<oneshot::Receiver<Result<Appended, HistoryError>>, HistoryError> {
        let bytes = u32::try_from(append.entry.len() + PER_ENTRY).unwrap_or(u32::MAX);
        let room = self.room.clone().try_acquire_many_owned(bytes);
        let room = room.map_err(|_| full("16 MiB of entries are not stored yet"))?;
        let (answer, answered) = oneshot::channel();
        let queued = self.running(|running| {
            if let State::Down(why) = &*running.state.borrow() {
                return Err(HistoryError::new(HistoryErrorKind::Unreachable, &**why));
            }
            let sent = running
                .queue
                .try_send(Job::new(append, deadline, answer, room));
            sent.map_err(|_| full("no entry was stored for a while"))
        });
        queued??;
        Ok(answered)
    }

    /// Asks the task, which is started if it does not run, or ran on a runtime that has ended.
    fn running<T>(&self, ask: impl FnOnce(&Running<S>) -> T) -> Result<T, HistoryError> {
        let mut running = self.running.lock();
        if let Some(running) = running.as_ref().filter(|it| !it.queue.is_closed()) {
            return Ok(ask(running));
        }
        let runtime = Handle::try_current()
            .map_err(|error| HistoryError::new(HistoryErrorKind::Unreachable, error))?;
        let (queue, jobs) = mpsc::channel(MAX_BYTES / PER_ENTRY);
        let (links, state) = watch::channel(State::Opening);
        runtime.spawn(feeder::run(self.server.clone(), jobs, links));
        Ok(ask(running.insert(Running { queue, state })))
    }
}

impl<S: Server + fmt::Debug> fmt::Debug for Remote<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.server.fmt(f)
    }
}

/// Reads over one link after another.
async fn page<S: Server>(
    server: &S,
    state: &mut watch::Receiver<State<S::Link>>,
    read: &Read,
) -> Result<Page, HistoryError> {
    loop {
        let current = state.borrow_and_update().clone();
        match current {
            State::Down(why) => {
                return Err(HistoryError::new(HistoryErrorKind::Unreachable, &*why));
            }
            State::Opening => {}
            State::Open(link) => {
                let answer = tokio::select! {
                    answer = server.read(&link, read) => answer,
                    changed = state.changed() => {
                        changed.map_err(|_| stopped())?;
                        continue;
                    }
                };
                match answer {
                    Ok(page) => return Ok(page),
                    Err(NoPage::Refused(error)) => return Err(error),
                    Err(NoPage::Link(why)) => {
                        tracing::debug!(why, "a read of a history is tried over another link");
                    }
                }
            }
        }
        state.changed().await.map_err(|_| stopped())?;
    }
}

fn full(cause: &str) -> HistoryError {
    HistoryError::new(HistoryErrorKind::Full, cause)
}

fn late() -> HistoryError {
    HistoryError::new(HistoryErrorKind::Unanswered, "no answer within 2 s")
}

fn stopped() -> HistoryError {
    HistoryError::new(HistoryErrorKind::Unreachable, STOPPED)
}

const STOPPED: &str = "the runtime of its link has ended";

/// How long a call may take. Within it what was sent over a link that broke is tried again.
const DEADLINE: Duration = Duration::from_secs(2);

/// What may wait until it is stored; an entry counts as this much more than its bytes.
const MAX_BYTES: usize = 16 << 20;
const PER_ENTRY: usize = 512;

const MAX_READS: usize = 256;
