//! The type [`MemoryHistory`], and the faults that a test can give it.

use std::{fmt, future, mem, sync::Arc, time::Duration};

use tokio::{
    sync::oneshot,
    time::{Instant, sleep, timeout},
};

use super::streams::Streams;
use crate::{
    history::{
        append::{Append, Appended},
        error::{HistoryError, HistoryErrorKind},
        read::{Page, Read},
        store::{BoxFuture, History},
    },
    sync::Mutex,
};

/// A store in memory that several hubs of one process share, for tests. A clone is the same store.
///
/// It keeps as much as the rules of its hubs ask for, without another bound. A single hub needs no store: it
/// then keeps its history in memory itself. Each method that gives it a fault names the fault of a real
/// store that it mimics. All work under paused time.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use web_connection_socket::history::{
///     Append, History, HistoryErrorKind, MemoryHistory, Read, Retention, StreamKey,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), web_connection_socket::history::HistoryError> {
/// let store = MemoryHistory::new();
/// let (lobby, keep) = (StreamKey::new(1), Retention::new(100, Duration::from_secs(300)));
/// let first = store.append(Append::new(lobby, 0xa, "first".into(), keep)).await?;
/// store.append(Append::new(lobby, 0xb, "second".into(), keep)).await?;
///
/// let missed = Read::newest(lobby, 300, 1 << 20, keep).after(first.epoch, first.offset);
/// let page = store.read(missed).await?;
/// assert!(page.is_complete);
/// assert_eq!(page.entries[0].entry, "second");
///
/// store.cut(); // what a test does to the store
/// let error = store.append(Append::new(lobby, 0xc, "third".into(), keep)).await.unwrap_err();
/// assert_eq!(error.kind(), HistoryErrorKind::Unreachable);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct MemoryHistory(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    streams: Streams,
    is_cut: bool,
    is_frozen: bool,
    delay: Duration,
    /// What came while the store was frozen.
    held: Vec<Held>,
}

enum Held {
    Append(Append, oneshot::Sender<Appended>),
    Read(Read, oneshot::Sender<Page>),
}

impl MemoryHistory {
    /// Makes an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Fails every call until [`restore`](Self::restore): a store that was killed, or cannot be reached.
    pub fn cut(&self) {
        self.0.lock().is_cut = true;
    }

    /// Answers nothing until [`restore`](Self::restore), when all of it happens: a store that was stopped.
    /// Calls fail after 2 s, and yet their entries are stored then.
    pub fn freeze(&self) {
        self.0.lock().is_frozen = true;
    }

    /// Has every answer come this much later. The entry is stored at once.
    pub fn delay(&self, delay: Duration) {
        self.0.lock().delay = delay;
    }

    /// Forgets all streams: a store that was emptied or has started again without its memory. All streams
    /// get another epoch.
    pub fn forget(&self) {
        self.0.lock().streams = Streams::default();
    }

    /// Ends all faults and delays.
    pub fn restore(&self) {
        let mut state = self.0.lock();
        (state.is_cut, state.is_frozen) = (false, false);
        state.delay = Duration::ZERO;
        let now = Instant::now();
        for held in mem::take(&mut state.held) {
            // The caller may have given up meanwhile, as with a real store.
            match held {
                Held::Append(append, answer) => {
                    _ = answer.send(state.streams.append(append, now));
                }
                Held::Read(read, answer) => _ = answer.send(state.streams.read(&read, now)),
            }
        }
    }
}

impl History for MemoryHistory {
    fn append(&self, append: Append) -> BoxFuture<'static, Result<Appended, HistoryError>> {
        let mut state = self.0.lock();
        if let Some(error) = state.refusal() {
            return Box::pin(future::ready(Err(error)));
        }
        if state.is_frozen {
            let (answer, answered) = oneshot::channel();
            state.held.push(Held::Append(append, answer));
            return Box::pin(in_time(answered));
        }
        let appended = state.streams.append(append, Instant::now());
        later(state.delay, appended)
    }

    fn read(&self, read: Read) -> BoxFuture<'static, Result<Page, HistoryError>> {
        let mut state = self.0.lock();
        if let Some(error) = state.refusal() {
            return Box::pin(future::ready(Err(error)));
        }
        if state.is_frozen {
            let (answer, answered) = oneshot::channel();
            state.held.push(Held::Read(read, answer));
            return Box::pin(in_time(answered));
        }
        let page = state.streams.read(&read, Instant::now());
        later(state.delay, page)
    }
}

impl State {
    /// Returns why nothing is done, or `None`.
    fn refusal(&self) -> Option<HistoryError> {
        let (kind, cause) = if self.is_cut {
            let cause = "the store in memory was cut off";
            (HistoryErrorKind::Unreachable, cause)
        } else if self.held.len() == MAX_HELD {
            (HistoryErrorKind::Full, "the store in memory was frozen")
        } else {
            return None;
        };
        Some(HistoryError::new(kind, cause))
    }
}

impl fmt::Debug for MemoryHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryHistory").finish_non_exhaustive()
    }
}

/// Waits for the answer of a store that is frozen.
async fn in_time<T>(answered: oneshot::Receiver<T>) -> Result<T, HistoryError> {
    let answered = timeout(DEADLINE, answered).await;
    let answer = answered.ok().and_then(Result::ok);
    answer.ok_or_else(|| HistoryError::new(HistoryErrorKind::Unanswered, "no answer within 2 s"))
}

fn later<T: Send + 'static>(
    delay: Duration,
    answer: T,
) -> BoxFuture<'static, Result<T, HistoryError>> {
    if delay.is_zero() {
        return Box::pin(future::ready(Ok(answer)));
    }
    Box::pin(async move {
        sleep(delay).await;
        Ok(answer)
    })
}

/// How long the answer of a frozen store is waited for.
const DEADLINE: Duration = Duration::from_secs(2);

/// How many calls wait for a frozen store.
const MAX_HELD: usize = 4_096;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::history::{retention::Retention, stream_key::StreamKey};

    const STREAM: StreamKey = StreamKey::new(7);

    fn keep() -> Retention {
        Retention::new(10_000, Duration::from_secs(60))
    }

    fn append(id: u64) -> Append {
        Append::new(STREAM, id, Bytes::new(), keep())
    }

    fn read() -> Read {
        Read::newest(STREAM, 10_000, 1, keep())
    }

    #[tokio::test(start_paused = true)]
    async fn clones_are_one_store_and_the_order_of_calls_is_that_of_entries() {
        let store = MemoryHistory::new();
        let other = store.clone();
        let (one, two) = (store.append(append(1)), other.append(append(2)));
        let (two, one) = (two.await.unwrap(), one.await.unwrap());
        assert_eq!((one.offset, one.previous), (1, Some(0)));
        assert_eq!((two.offset, two.previous), (2, Some(1)));
        drop(store.append(append(3)));
        assert_eq!(
            other.read(read()).await.unwrap().top_id,
            3,
            "not waited for"
        );
        store.forget();
        let page = other.read(read()).await.unwrap();
        assert_ne!(page.epoch, one.epoch);
        assert_eq!((page.top, page.entries.len()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_was_cut_off_fails_and_keeps_what_it_has() {
        let store = MemoryHistory::new();
        let before = store.append(append(1)).await.unwrap();
        store.cut();
        let error = store.append(append(2)).await.unwrap_err();
        assert_eq!(error.kind(), HistoryErrorKind::Unreachable);
        let error = store.read(read()).await.unwrap_err();
        assert_eq!(error.kind(), HistoryErrorKind::Unreachable);
        store.restore();
        let after = store.append(append(3)).await.unwrap();
        assert_eq!(after, Appended::new(before.epoch, 2, Some(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_frozen_store_answers_too_late_and_stores_all_the_same() {
        let store = MemoryHistory::new();
        store.freeze();
        let (first, second) = (store.append(append(1)), store.append(append(2)));
        let page = store.read(read());
        let begin = Instant::now();
        assert_eq!(
            first.await.unwrap_err().kind(),
            HistoryErrorKind::Unanswered
        );
        assert_eq!(begin.elapsed(), DEADLINE);
        store.restore();
        assert_eq!(second.await.unwrap().previous, Some(1));
        assert_eq!(page.await.unwrap().entries.len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_for_a_frozen_store_is_bounded() {
        let store = MemoryHistory::new();
        store.freeze();
        for id in 0..MAX_HELD {
            drop(store.append(append(id as u64)));
        }
        let error = store.append(append(0)).await.unwrap_err();
        assert_eq!(error.kind(), HistoryErrorKind::Full);
        store.restore();
        assert_eq!(store.read(read()).await.unwrap().entries.len(), MAX_HELD);
    }

    #[tokio::test(start_paused = true)]
    async fn a_delayed_answer_is_of_an_entry_that_is_stored_already() {
        let store = MemoryHistory::new();
        store.delay(Duration::from_millis(300));
        let begin = Instant::now();
        let late = store.append(append(1));
        store.delay(Duration::ZERO);
        assert_eq!(store.read(read()).await.unwrap().top, 1);
        assert_eq!(begin.elapsed(), Duration::ZERO);
        assert_eq!(late.await.unwrap().offset, 1);
        assert_eq!(begin.elapsed(), Duration::from_millis(300));
    }
}
