//! The queue and the links of a store, with a server that fails as a test says.

use std::{
    future,
    sync::{Arc, Weak},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

use super::{
    job::Job,
    remote::Remote,
    server::{Driver, NoPage, Server},
};
use crate::{
    history::{
        append::{Append, Appended},
        error::{HistoryError, HistoryErrorKind},
        read::{Page, Read},
        retention::Retention,
        stream_key::StreamKey,
    },
    sync::Mutex,
};

/// What the server does next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mood {
    #[default]
    Well,
    /// Refuses links.
    Away,
    /// Opens links after a second.
    Slow,
    /// Stores entries, and breaks the link instead of an answer.
    Breaking,
    /// Answers nothing.
    Silent,
}

#[derive(Clone, Default)]
struct Fake(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    mood: Mood,
    /// The numbers of what came, again and again.
    came: Vec<u64>,
    links: Vec<Weak<Notify>>,
}

impl Fake {
    fn set(&self, mood: Mood) {
        self.0.lock().mood = mood;
    }

    fn mood(&self) -> Mood {
        self.0.lock().mood
    }

    /// Ends the open link.
    fn cut(&self) {
        let links = self.0.lock().links.clone();
        links
            .iter()
            .filter_map(Weak::upgrade)
            .for_each(|link| link.notify_one());
    }

    fn open_links(&self) -> usize {
        let state = self.0.lock();
        state
            .links
            .iter()
            .filter(|link| link.strong_count() > 0)
            .count()
    }
}

impl Server for Fake {
    type Link = Arc<Notify>;

    async fn connect(&self) -> Result<(Arc<Notify>, Driver), String> {
        match self.mood() {
            Mood::Away => return Err("fake is away".to_owned()),
            Mood::Slow => sleep(Duration::from_secs(1)).await,
            _ => {}
        }
        let link = Arc::new(Notify::new());
        self.0.lock().links.push(Arc::downgrade(&link));
        let cut = link.clone();
        let driver = async move {
            cut.notified().await;
            "cut".to_owned()
        };
        Ok((link, Box::pin(driver)))
    }

    async fn append(
        &self,
        link: &Arc<Notify>,
        jobs: &[Job],
    ) -> Result<Vec<Result<Appended, HistoryError>>, String> {
        let numbers = jobs.iter().map(|job| job.number);
        if self.mood() == Mood::Silent {
            future::pending::<()>().await;
        }
        self.0.lock().came.extend(numbers.clone());
        if self.mood() == Mood::Breaking {
            self.set(Mood::Well);
            link.notify_one();
            future::pending::<()>().await;
        }
        Ok(numbers
            .map(|number| Ok(Appended::new(1, number, None)))
            .collect())
    }

    async fn read(&self, link: &Arc<Notify>, _: &Read) -> Result<Page, NoPage> {
        if self.mood() == Mood::Breaking {
            self.set(Mood::Well);
            link.notify_one();
            return Err(NoPage::Link("cut".to_owned()));
        }
        Ok(Page::new(1, self.0.lock().came.len() as u64, 0))
    }
}

fn keep() -> Retention {
    Retention::new(1, Duration::from_secs(1))
}

fn append(bytes: usize) -> Append {
    Append::new(StreamKey::new(1), 1, Bytes::from(vec![0; bytes]), keep())
}

fn read() -> Read {
    Read::newest(StreamKey::new(1), 1, 1, keep())
}

fn kind<T: std::fmt::Debug>(result: Result<T, HistoryError>) -> HistoryErrorKind {
    result.unwrap_err().kind()
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_over_a_link_that_breaks_is_sent_again_with_its_numbers_before_the_rest() {
    let fake = Fake::default();
    let remote = Remote::new(fake.clone());
    remote.append(append(1)).await.unwrap();
    // A link that has lasted is replaced at once.
    sleep(Duration::from_secs(60)).await;
    fake.set(Mood::Breaking);
    let sent: Vec<_> = (0..600).map(|_| remote.append(append(1))).collect();
    let begin = Instant::now();
    for (number, sent) in sent.into_iter().enumerate() {
        assert_eq!(sent.await.unwrap().offset, number as u64 + 2);
    }
    assert_eq!(begin.elapsed(), Duration::ZERO);
    let came = fake.0.lock().came.clone();
    let expected: Vec<_> = (1..=1).chain(2..=513).chain(2..=601).collect();
    assert_eq!(came, expected);
}

#[tokio::test(start_paused = true)]
async fn without_a_link_calls_fail_at_once_and_it_is_tried_again_for_ever() {
    let fake = Fake::default();
    fake.set(Mood::Away);
    let remote = Remote::new(fake.clone());
    for _ in 0..100 {
        let begin = Instant::now();
        let error = remote.append(append(1)).await.unwrap_err();
        assert_eq!(error.kind(), HistoryErrorKind::Unreachable);
        assert!(error.to_string().contains("fake is away"), "{error}");
        assert_eq!(
            kind(remote.read(read()).await),
            HistoryErrorKind::Unreachable
        );
        assert_eq!(begin.elapsed(), Duration::ZERO);
        sleep(Duration::from_secs(60)).await;
    }
    fake.set(Mood::Well);
    sleep(Duration::from_secs(2)).await;
    remote.append(append(1)).await.unwrap();
    remote.read(read()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn calls_wait_a_moment_for_a_link_that_is_being_opened() {
    let fake = Fake::default();
    fake.set(Mood::Slow);
    let remote = Remote::new(fake.clone());
    let begin = Instant::now();
    assert_eq!(
        kind(remote.append(append(1)).await),
        HistoryErrorKind::Unreachable
    );
    assert_eq!(begin.elapsed(), Duration::from_millis(250));
    assert_eq!(
        kind(remote.append(append(1)).await),
        HistoryErrorKind::Unreachable
    );
    assert_eq!(begin.elapsed(), Duration::from_millis(250));
    sleep(Duration::from_secs(1)).await;
    remote.append(append(1)).await.unwrap();
    assert_eq!(fake.0.lock().came, [1], "what failed was not sent");
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_given_up_and_what_it_may_have_got_is_unanswered() {
    let fake = Fake::default();
    let remote = Remote::new(fake.clone());
    fake.set(Mood::Silent);
    let begin = Instant::now();
    assert_eq!(
        kind(remote.append(append(1)).await),
        HistoryErrorKind::Unanswered
    );
    assert_eq!(begin.elapsed(), Duration::from_secs(2));
    sleep(Duration::from_millis(900)).await;
    assert_eq!(fake.0.lock().links.len(), 1);
    sleep(Duration::from_millis(200)).await;
    fake.set(Mood::Well);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(fake.0.lock().links.len(), 2);
    assert_eq!(fake.open_links(), 1);
    remote.append(append(1)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_bounded_in_bytes_and_there_is_room_again_later() {
    let fake = Fake::default();
    let remote = Remote::new(fake.clone());
    fake.set(Mood::Silent);
    let mut waiting = Vec::new();
    while waiting.len() < 100 {
        waiting.push(remote.append(append(1 << 20)));
    }
    let mut full = 0;
    for waiting in waiting {
        full += usize::from(kind(waiting.await) == HistoryErrorKind::Full);
    }
    assert_eq!(
        full,
        100 - 15,
        "each counts as a little more than a mebibyte"
    );
    fake.set(Mood::Well);
    sleep(Duration::from_secs(3)).await;
    remote.append(append(1 << 20)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_read_over_a_link_that_breaks_is_made_over_the_next() {
    let fake = Fake::default();
    let remote = Remote::new(fake.clone());
    remote.append(append(1)).await.unwrap();
    sleep(Duration::from_secs(60)).await;
    fake.set(Mood::Breaking);
    assert_eq!(remote.read(read()).await.unwrap().top, 1);
    sleep(Duration::from_secs(60)).await;
    fake.cut();
    tokio::task::yield_now().await;
    assert_eq!(remote.read(read()).await.unwrap().top, 1);
    assert_eq!(fake.0.lock().links.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_link_ends_with_the_store() {
    let fake = Fake::default();
    let remote = Remote::new(fake.clone());
    remote.append(append(1)).await.unwrap();
    assert_eq!(fake.open_links(), 1);
    drop(remote);
    tokio::task::yield_now().await;
    assert_eq!(fake.open_links(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_described_otherwise_is_asked_over_a_link_of_its_own() {
    let (before, fake) = (Fake::default(), Fake::default());
    let mut remote = Remote::new(before.clone());
    remote.append(append(1)).await.unwrap();
    *remote.server_mut() = fake.clone();
    remote.append(append(1)).await.unwrap();
    assert_eq!((before.open_links(), fake.open_links()), (0, 1));
    assert_eq!(before.0.lock().came, [1]);
}

#[test]
fn without_a_runtime_calls_fail_and_after_its_end_another_is_used() {
    let remote = Remote::new(Fake::default());
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap()
    };
    let failed = remote.append(append(1));
    assert_eq!(
        runtime().block_on(async { kind(failed.await) }),
        HistoryErrorKind::Unreachable
    );
    for _ in 0..3 {
        runtime()
            .block_on(async { remote.append(append(1)).await })
            .unwrap();
    }
}
