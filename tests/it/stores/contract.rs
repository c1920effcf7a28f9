//! What every store of a history promises to the hub.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::time::{Instant, sleep, timeout};
use web_connection_socket::history::{
    Append, Appended, BoxFuture, Entry, History, HistoryError, Page, Read, Retention, StreamKey,
};

/// A store that is there for one test.
pub(crate) trait Store {
    fn start() -> Self;

    /// A node's way to the store.
    fn node(&self) -> Arc<dyn History>;
}

/// What a node keeps of one stream.
#[derive(Clone)]
pub(crate) struct Stream {
    history: Arc<dyn History>,
    key: StreamKey,
    keep: Retention,
}

impl Stream {
    pub(crate) fn new(store: &impl Store, number: u128, messages: usize) -> Self {
        Self::on(store.node(), number, messages)
    }

    pub(crate) fn on(history: Arc<dyn History>, number: u128, messages: usize) -> Self {
        Self {
            history,
            // The key of a real stream has no zeros at its beginning.
            key: StreamKey::new(number << 64 | number),
            keep: Retention::new(messages, Duration::from_secs(60)),
        }
    }

    pub(crate) fn with_age(mut self, age: Duration) -> Self {
        self.keep = Retention::new(self.keep.messages, age);
        self
    }

    /// Begins to add an entry whose id is that of its text.
    pub(crate) fn send(
        &self,
        text: impl Into<Bytes>,
    ) -> BoxFuture<'static, Result<Appended, HistoryError>> {
        let text = text.into();
        let append = Append::new(self.key, id_of(&text), text, self.keep);
        self.history.append(append)
    }

    pub(crate) async fn append(&self, text: impl Into<Bytes>) -> Appended {
        within(self.send(text)).await.expect("a place")
    }

    /// Adds entries `0`, `1` … in one go.
    pub(crate) async fn append_many(&self, count: usize) -> Vec<Appended> {
        let sent: Vec<_> = (0..count)
            .map(|number| self.send(number.to_string()))
            .collect();
        let mut places = Vec::new();
        for sent in sent {
            places.push(within(sent).await.expect("a place"));
        }
        places
    }

    pub(crate) async fn try_read(&self, after: Option<(u64, u64)>) -> Result<Page, HistoryError> {
        self.read_within(after, 10_000, 16 << 20).await
    }

    pub(crate) async fn newest(&self) -> Page {
        self.try_read(None).await.expect("a page")
    }

    pub(crate) async fn behind(&self, place: (u64, u64)) -> Page {
        self.try_read(Some(place)).await.expect("a page")
    }

    async fn read_within(
        &self,
        after: Option<(u64, u64)>,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Page, HistoryError> {
        let newest = Read::newest(self.key, limit, max_bytes, self.keep);
        let read = match after {
            Some((epoch, offset)) => newest.after(epoch, offset),
            None => newest,
        };
        within(self.history.read(read)).await
    }
}

pub(crate) fn place(appended: &Appended) -> (u64, u64) {
    (appended.epoch, appended.offset)
}

pub(crate) fn texts(page: &Page) -> Vec<String> {
    let entries = page.entries.iter();
    let texts = entries.map(|entry| String::from_utf8_lossy(&entry.entry).into_owned());
    texts.collect()
}

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

/// A number that two texts share by chance alone, and never 0.
fn id_of(text: &[u8]) -> u64 {
    let hash = text.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash | 1
}

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    let answer = timeout(Duration::from_secs(30), future).await;
    answer.expect("an answer in time")
}

/// The entries of a page, which must follow each other from a place on.
fn follow(page: &Page, mut last: u64) -> u64 {
    for Entry {
        offset, previous, ..
    } in &page.entries
    {
        assert_eq!(*previous, last);
        assert!(*offset > last);
        last = *offset;
    }
    last
}

pub(crate) async fn the_order_of_calls_is_the_order_of_entries_waited_for_or_not<S: Store>() {
    let store = S::start();
    let stream = Stream::new(&store, 1, 1_000);
    let first = stream.append("first").await;
    assert_ne!((first.epoch, first.offset), (0, 0));
    assert_eq!(first.previous, Some(0));
    for number in 0..100 {
        let sent = stream.send(number.to_string());
        if number % 3 == 0 {
            drop(sent);
        } else if number % 7 == 0 {
            within(sent).await.expect("a place");
        }
    }
    let last = stream.append("last").await;
    assert_eq!(last.epoch, first.epoch);
    let page = stream.behind(place(&first)).await;
    assert!(page.is_complete);
    let mut expected = numbers(0..100);
    expected.push("last".to_owned());
    assert_eq!(texts(&page), expected);
    assert_eq!(follow(&page, first.offset), last.offset);
    assert_eq!((page.epoch, page.top), place(&last));
    assert_eq!(page.top_id, id_of(b"last"));
    let before_last = page.entries[page.entries.len() - 2].offset;
    assert_eq!(last.previous, Some(before_last));
}

pub(crate) async fn entries_come_back_as_they_were<S: Store>() {
    let store = S::start();
    let writer = Stream::new(&store, 1, 100);
    let reader = Stream::new(&store, 1, 100);
    let begin = reader.newest().await;
    let bytes: Bytes = (0..1 << 16)
        .map(|at: u32| at.to_le_bytes()[at as usize % 3])
        .collect();
    let lengths = [0, 1, 2, 65_535, 65_536];
    for length in lengths {
        writer.append(bytes.slice(..length)).await;
    }
    let page = reader.behind((begin.epoch, begin.top)).await;
    assert!(page.is_complete);
    for (entry, length) in page.entries.iter().zip(lengths) {
        assert_eq!(entry.entry, bytes.slice(..length), "{length}");
        assert_eq!(entry.id, id_of(&entry.entry));
    }
    assert_eq!(page.entries.len(), lengths.len());
}

pub(crate) async fn a_page_behind_a_place_is_complete_or_empty<S: Store>() {
    let store = S::start();
    let stream = Stream::new(&store, 1, 20);
    let places = stream.append_many(30).await;
    let kept = &places[10..];
    let epoch = places[0].epoch;
    for (at, limit, max_bytes, fits) in [
        (0, 19, 38, true),
        (0, 18, 38, false),
        (0, 19, 37, false),
        (18, 1, 2, true),
        (18, 1, 1, false),
        (18, 0, 2, false),
        (19, 0, 0, true),
    ] {
        let after = Some((epoch, kept[at].offset));
        let page = stream
            .read_within(after, limit, max_bytes)
            .await
            .expect("a page");
        assert_eq!(page.is_complete, fits, "{at} {limit} {max_bytes}");
        let expected = if fits { 10 + at + 1..30 } else { 0..0 };
        assert_eq!(texts(&page), numbers(expected));
        assert_eq!((page.epoch, page.top), place(&places[29]));
        assert_eq!(page.top_id, id_of(b"29"));
        if fits {
            let id = id_of((10 + at).to_string().as_bytes());
            assert_eq!(page.anchor, Some(id), "{at}");
        }
    }
    // What stood there has gone, and was there.
    let page = stream.behind((epoch, places[9].offset)).await;
    assert!(!page.is_complete || page.anchor == Some(id_of(b"9")));
    for after in [
        (epoch, places[0].offset),
        (epoch, places[8].offset),
        (epoch, places[29].offset + 1),
        (epoch, 1 << 40),
        (epoch, u64::MAX),
        (epoch ^ 1, kept[5].offset),
        (u64::MAX, kept[5].offset),
    ] {
        let page = stream.behind(after).await;
        assert!(!page.is_complete && page.entries.is_empty(), "{after:?}");
        assert_eq!((page.epoch, page.top), place(&places[29]));
    }
}

pub(crate) async fn the_newest_that_fit_are_read_in_their_order<S: Store>() {
    let store = S::start();
    let stream = Stream::new(&store, 1, 20);
    let places = stream.append_many(30).await;
    for (limit, max_bytes, expected, is_complete) in [
        (20, 1_000, 10..30, true),
        (100, 40, 10..30, true),
        (100, 39, 11..30, false),
        (5, 1_000, 25..30, false),
        (5, 7, 27..30, false),
        (5, 1, 30..30, false),
        (0, 1_000, 30..30, false),
    ] {
        let page = stream
            .read_within(None, limit, max_bytes)
            .await
            .expect("a page");
        assert_eq!(
            texts(&page),
            numbers(expected.clone()),
            "{limit} {max_bytes}"
        );
        let offsets = page.entries.iter().map(|entry| entry.offset);
        let places = places[expected].iter().map(|place| place.offset);
        assert!(offsets.eq(places));
        assert_eq!(page.is_complete, is_complete, "{limit} {max_bytes}");
        assert_eq!((page.epoch, page.top), place(&places_last(&stream).await));
    }
}

async fn places_last(stream: &Stream) -> Appended {
    let page = stream.read_within(None, 0, 0).await.expect("a page");
    Appended::new(page.epoch, page.top, None)
}

pub(crate) async fn a_stream_without_entries_has_a_place_that_holds<S: Store>() {
    let store = S::start();
    let stream = Stream::new(&store, 1, 10);
    let empty = stream.newest().await;
    assert!(empty.is_complete && empty.entries.is_empty());
    assert_ne!(empty.epoch, 0);
    let again = Stream::new(&store, 1, 10).newest().await;
    assert_eq!(again, empty, "another node finds the same");
    let nothing = stream.behind((empty.epoch, empty.top)).await;
    assert!(nothing.is_complete && nothing.entries.is_empty());

    let first = stream.append("first").await;
    assert_eq!(first.epoch, empty.epoch);
    assert_eq!(first.previous, Some(empty.top));
    let page = stream.behind((empty.epoch, empty.top)).await;
    assert!(page.is_complete);
    assert_eq!(texts(&page), ["first"]);
    assert_eq!(follow(&page, empty.top), first.offset);
}

pub(crate) async fn streams_are_independent<S: Store>() {
    let store = S::start();
    let node = store.node();
    let [ann, bob] = [1, 2].map(|number| Stream::on(node.clone(), number, 5));
    let first = ann.append("a").await;
    let before = bob.newest().await;
    for number in 0..20 {
        bob.append(number.to_string()).await;
    }
    let page = ann.behind(place(&first)).await;
    assert!(page.is_complete && page.entries.is_empty());
    assert!(!bob.behind((before.epoch, before.top)).await.is_complete);
    let second = ann.append("b").await;
    assert_eq!(second.previous, Some(first.offset));
    assert_eq!(texts(&ann.newest().await), ["a", "b"]);
    assert_eq!(texts(&bob.newest().await), numbers(15..20));
}

pub(crate) async fn nodes_that_add_at_once_are_told_who_came_before_them<S: Store>() {
    const NODES: usize = 4;
    const ENTRIES: usize = 200;
    let store = S::start();
    let begin = Stream::new(&store, 1, 10_000).newest().await;
    let nodes = (0..NODES).map(|node| {
        let stream = Stream::new(&store, 1, 10_000);
        async move {
            let mut places = Vec::new();
            for batch in 0..ENTRIES / 10 {
                let sent: Vec<_> = (0..10)
                    .map(|number| stream.send(format!("{node}/{}", batch * 10 + number)))
                    .collect();
                for sent in sent {
                    places.push(within(sent).await.expect("a place"));
                }
            }
            places
        }
    });
    let places = futures_util::future::join_all(nodes).await;
    for places in &places {
        let offsets = places.iter().map(|place| place.offset);
        assert!(offsets.is_sorted());
    }
    let mut all: Vec<_> = places.into_iter().flatten().collect();
    all.sort_by_key(|place| place.offset);
    let mut last = begin.top;
    for place in &all {
        assert_eq!(place.epoch, begin.epoch);
        assert_eq!(place.previous, Some(last), "{place:?}");
        last = place.offset;
    }
    assert_eq!(all.len(), NODES * ENTRIES);
    let page = Stream::new(&store, 1, 10_000)
        .behind((begin.epoch, begin.top))
        .await;
    let offsets = page.entries.iter().map(|entry| entry.offset);
    assert!(offsets.eq(all.iter().map(|place| place.offset)));
    let mut next = HashMap::new();
    for text in texts(&page) {
        let (node, number) = text.split_once('/').expect("a node and a number");
        let next = next.entry(node.to_owned()).or_insert(0);
        assert_eq!(number.parse(), Ok(*next), "{node}");
        *next += 1;
    }
}

pub(crate) async fn a_reader_beside_writers_misses_nothing_and_sees_nothing_twice<S: Store>() {
    const ENTRIES: u64 = 500;
    let store = S::start();
    let reader = Stream::new(&store, 1, 10_000);
    let begin = reader.newest().await;
    let writer = Stream::new(&store, 1, 10_000);
    let confirmed = Arc::new(AtomicU64::new(begin.top));
    let write = async {
        for number in 0..ENTRIES {
            let place = writer.append(number.to_string()).await;
            confirmed.store(place.offset, Relaxed);
        }
    };
    let read = async {
        let mut place = (begin.epoch, begin.top);
        let mut seen = Vec::new();
        while seen.len() < ENTRIES as usize {
            let confirmed = confirmed.load(Relaxed);
            let page = reader.behind(place).await;
            assert!(page.is_complete);
            assert!(page.top >= confirmed, "a confirmed entry is not there");
            let last = follow(&page, place.1);
            assert_eq!(last, page.top);
            seen.extend(texts(&page));
            place.1 = last;
        }
        seen
    };
    let ((), seen) = within(async { tokio::join!(write, read) }).await;
    assert_eq!(seen, numbers(0..ENTRIES as usize));
}

pub(crate) async fn entries_are_there_for_their_age_and_gone_soon_after<S: Store>() {
    const AGE: Duration = Duration::from_millis(700);
    let store = S::start();
    let stream = Stream::new(&store, 1, 100).with_age(AGE);
    let begin = stream.newest().await;
    let begin = (begin.epoch, begin.top);
    let first = stream.append("first").await;
    let added = Instant::now();
    loop {
        let page = stream.behind(begin).await;
        if !page.is_complete {
            break;
        }
        assert_eq!(texts(&page), ["first"]);
        assert!(
            added.elapsed() < Duration::from_secs(30),
            "it stays for ever"
        );
        sleep(Duration::from_millis(20)).await;
    }
    assert!(added.elapsed() > AGE);
    let page = stream.newest().await;
    assert_eq!(texts(&page), [""; 0]);
    assert!(page.top >= first.offset);
    let last = stream.append("last").await;
    assert_eq!(texts(&stream.newest().await), ["last"]);
    assert!(last.offset > first.offset || last.epoch != first.epoch);
}

/// Each of these for a store, beside the module of this file.
macro_rules! contract {
    // The attributes are one tree, since they stand with each name again.
    (@all $attributes:tt $store:ty, $($name:ident,)+) => {
        $(contract!(@one $attributes $store, $name);)+
    };
    (@one [$($attributes:tt)*] $store:ty, $name:ident) => {
        #[tokio::test]
        $($attributes)*
        async fn $name() {
            super::contract::$name::<$store>().await;
        }
    };
    ($(#[$attribute:meta])* $store:ty) => {
        contract! {
            @all [$(#[$attribute])*] $store,
            the_order_of_calls_is_the_order_of_entries_waited_for_or_not,
            entries_come_back_as_they_were,
            a_page_behind_a_place_is_complete_or_empty,
            the_newest_that_fit_are_read_in_their_order,
            a_stream_without_entries_has_a_place_that_holds,
            streams_are_independent,
            nodes_that_add_at_once_are_told_who_came_before_them,
            a_reader_beside_writers_misses_nothing_and_sees_nothing_twice,
            entries_are_there_for_their_age_and_gone_soon_after,
        }
    };
}
pub(crate) use contract;
