//! One stream in memory: its entries and its epoch, as a function of the time.

use std::collections::VecDeque;

use bytes::Bytes;
use tokio::time::Instant;

use crate::history::{
    append::{Append, Appended},
    random::random,
    read::{Entry, Page, Read},
    retention::Retention,
};

/// The newest entries of a stream. Their offsets are 1, 2, 3 …
#[derive(Debug)]
pub(super) struct Stream {
    epoch: u64,
    top: u64,
    top_id: u64,
    /// The id of the entry before the first one that is kept, 0 if there was none.
    gone_id: u64,
    entries: VecDeque<Kept>,
    expires: Instant,
}

#[derive(Debug)]
struct Kept {
    id: u64,
    entry: Bytes,
    added: Instant,
}

impl Stream {
    /// Begins a life of a stream.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            epoch: random(),
            top: 0,
            top_id: 0,
            gone_id: 0,
            entries: VecDeque::new(),
            expires: now,
        }
    }

    /// Whether it was neither read nor added to for so long that it is forgotten.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.expires < now
    }

    pub(super) fn append(&mut self, append: Append, now: Instant) -> Appended {
        let previous = self.top;
        self.top += 1;
        self.top_id = append.id;
        self.entries.push_back(Kept {
            id: append.id,
            entry: append.entry,
            added: now,
        });
        self.trim(append.keep, now);
        Appended::new(self.epoch, self.top, Some(previous))
    }

    pub(super) fn read(&mut self, read: &Read, now: Instant) -> Page {
        self.trim(read.keep, now);
        let mut page = Page::new(self.epoch, self.top, self.top_id);
        let Some((epoch, offset)) = read.after else {
            let mut room = read.max_bytes;
            let newest = self.entries.iter().rev().take(read.limit);
            let fitting = newest.take_while(|kept| {
                let left = room.checked_sub(kept.entry.len());
                room = left.unwrap_or_default();
                left.is_some()
            });
            let count = fitting.count();
            page.is_complete = count == self.entries.len();
            page.entries = self.behind(self.top - count as u64);
            return page;
        };
        let gone = self.top - self.entries.len() as u64;
        if epoch != self.epoch || offset > self.top {
            return page;
        }
        page.anchor = self.kept(offset).map(|kept| kept.id);
        if offset < gone {
            return page;
        }
        page.anchor.get_or_insert(self.gone_id);
        let entries = self.behind(offset);
        let bytes: usize = entries.iter().map(|entry| entry.entry.len()).sum();
        if entries.len() <= read.limit && bytes <= read.max_bytes {
            page.is_complete = true;
            page.entries = entries;
        }
        page
    }

    /// Returns what is kept at an offset.
    fn kept(&self, offset: u64) -> Option<&Kept> {
        let gone = self.top - self.entries.len() as u64;
        let index = offset.checked_sub(gone + 1)?;
        self.entries.get(usize::try_from(index).ok()?)
    }

    /// Returns what is kept behind an offset.
    fn behind(&self, offset: u64) -> Vec<Entry> {
        let offsets = offset + 1..=self.top;
        let entries = offsets.filter_map(|offset| {
            let kept = self.kept(offset)?;
            let entry = kept.entry.clone();
            Some(Entry::new(offset, offset - 1, kept.id, entry))
        });
        entries.collect()
    }

    /// Lets go what is too much or too old, and puts off the end of the stream.
    fn trim(&mut self, keep: Retention, now: Instant) {
        let lifetime = keep.lifetime();
        while let Some(first) = self.entries.front() {
            if self.entries.len() <= keep.messages && first.added + lifetime >= now {
                break;
            }
            self.gone_id = first.id;
            self.entries.pop_front();
        }
        self.expires = self.expires.max(now + lifetime);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::history::stream_key::StreamKey;

    const STREAM: StreamKey = StreamKey::new(1);
    const AGE: Duration = Duration::from_secs(10);

    fn keep(messages: usize) -> Retention {
        Retention::new(messages, AGE)
    }

    fn append(id: u64, entry: &'static str, messages: usize) -> Append {
        Append::new(
            STREAM,
            id,
            Bytes::from_static(entry.as_bytes()),
            keep(messages),
        )
    }

    /// A stream of ten entries of three bytes, of which the newest four are kept.
    fn of_ten(now: Instant) -> Stream {
        let mut stream = Stream::new(now);
        for id in 1..=10 {
            let appended = stream.append(append(id * 100, "abc", 4), now);
            assert_eq!(appended, Appended::new(stream.epoch, id, Some(id - 1)));
        }
        stream
    }

    fn read(limit: usize, max_bytes: usize) -> Read {
        Read::newest(STREAM, limit, max_bytes, keep(4))
    }

    fn offsets(page: &Page) -> Vec<u64> {
        page.entries.iter().map(|entry| entry.offset).collect()
    }

    #[test]
    fn the_newest_that_fit_are_read_in_their_order() {
        let now = Instant::now();
        let mut stream = of_ten(now);
        for (limit, max_bytes, expected, is_complete) in [
            (0, 100, &[][..], false),
            (2, 100, &[9, 10], false),
            (4, 100, &[7, 8, 9, 10], true),
            (9, 12, &[7, 8, 9, 10], true),
            (9, 11, &[8, 9, 10], false),
            (9, 2, &[], false),
        ] {
            let page = stream.read(&read(limit, max_bytes), now);
            assert_eq!(offsets(&page), expected, "{limit} {max_bytes}");
            assert_eq!(page.is_complete, is_complete, "{limit} {max_bytes}");
            assert_eq!((page.top, page.top_id, page.anchor), (10, 1000, None));
        }
    }

    #[test]
    fn behind_an_offset_is_all_or_nothing() {
        let now = Instant::now();
        let mut stream = of_ten(now);
        let epoch = stream.epoch;
        for (epoch, offset, limit, max_bytes, expected, anchor) in [
            (epoch, 6, 4, 12, Some(&[7, 8, 9, 10][..]), Some(600)),
            (epoch, 7, 3, 9, Some(&[8, 9, 10]), Some(700)),
            (epoch, 10, 0, 0, Some(&[]), Some(1000)),
            (epoch, 7, 2, 100, None, Some(700)),
            (epoch, 7, 3, 8, None, Some(700)),
            (epoch, 5, 100, 100, None, None),
            (epoch, 0, 100, 100, None, None),
            (epoch, 11, 100, 100, None, None),
            (epoch, u64::MAX, 100, 100, None, None),
            (epoch ^ 1, 7, 100, 100, None, None),
        ] {
            let read = read(limit, max_bytes).after(epoch, offset);
            let page = stream.read(&read, now);
            assert_eq!(page.is_complete, expected.is_some(), "{read:?}");
            assert_eq!(offsets(&page), expected.unwrap_or_default(), "{read:?}");
            assert_eq!(page.anchor, anchor, "{read:?}");
        }
    }

    #[test]
    fn an_entry_is_gone_after_twice_its_age_and_the_top_stays() {
        let now = Instant::now();
        let mut stream = Stream::new(now);
        stream.append(append(1, "old", 4), now);
        let later = now + AGE * 2;
        stream.append(append(2, "new", 4), later);
        assert_eq!(offsets(&stream.read(&read(9, 99), later)), [1, 2]);
        let later = later + Duration::from_millis(1);
        assert_eq!(offsets(&stream.read(&read(9, 99), later)), [2]);
        let later = later + AGE * 2;
        let page = stream.read(&read(9, 99), later);
        assert_eq!((offsets(&page), page.top, page.top_id), (vec![], 2, 2));
        // The end of the stream is known to be the end.
        let epoch = page.epoch;
        assert!(stream.read(&read(9, 99).after(epoch, 2), later).is_complete);
        assert!(!stream.read(&read(9, 99).after(epoch, 1), later).is_complete);
        stream.append(append(3, "newest", 4), later);
        let page = stream.read(&read(9, 99).after(epoch, 2), later);
        assert_eq!((offsets(&page), page.anchor), (vec![3], Some(2)));
    }

    #[test]
    fn a_stream_without_entries_lives_twice_its_age_after_each_read() {
        let now = Instant::now();
        let mut stream = Stream::new(now);
        let page = stream.read(&read(9, 99), now);
        assert_eq!((page.top, page.top_id, page.is_complete), (0, 0, true));
        assert!(!stream.is_over(now + AGE * 2));
        assert!(stream.is_over(now + AGE * 2 + Duration::from_millis(1)));
        stream.read(&read(9, 99), now + AGE);
        assert!(!stream.is_over(now + AGE * 3));
        let epoch = page.epoch;
        let page = stream.read(&read(9, 99).after(epoch, 0), now + AGE * 3);
        assert_eq!((page.is_complete, page.anchor), (true, Some(0)));
    }
}
