//! The last messages of one stream, as plain state.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::entry::Entry;
use crate::config::Retention;

/// The last messages of one life of a stream, in the order of their offsets, which grow and may have
/// holes.
///
/// It is whole from its floor on: each message behind that is here. A break in it is a place of its own,
/// behind which it is whole again.
#[derive(Debug, Default)]
pub(super) struct Ring {
    entries: VecDeque<Entry>,
    bytes: usize,
    /// The last message that is no longer here, or the place before the first one.
    floor: Place,
    /// The place of the newest message, or of a break after it.
    top: Place,
    /// The place of the last break.
    broken: Place,
    /// Whether the tag of the floor is not known, so that any is taken for it.
    is_vague: bool,
}

/// A place in one life of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) offset: u64,
    pub(super) tag: u32,
}

/// What a ring knows of what came after a place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// All of it is here, from this index on.
    Whole(usize),
    /// Some of it is gone.
    Gone,
    /// Some of it may never have come here.
    Broken,
    /// No message had this place.
    Unknown,
}

impl Ring {
    /// Returns a ring that begins after a place of which only the offset is known for certain.
    pub(super) fn after(place: Place) -> Self {
        Self {
            floor: place,
            top: place,
            is_vague: true,
            ..Self::default()
        }
    }

    /// Returns an empty ring with a place before the first message.
    pub(super) fn new(begin: Place) -> Self {
        Self {
            floor: begin,
            top: begin,
            broken: begin,
            ..Self::default()
        }
    }

    /// Adds messages in front of those that are here: `entries` are all from `begin` on, and may reach
    /// into what is here. Without `begin` they are all that there are.
    pub(super) fn extend_back(&mut self, entries: Vec<Entry>, begin: Option<Place>) {
        let floor = self.floor.offset;
        if begin.is_some_and(|begin| begin.offset > floor) {
            return;
        }
        let older = entries.into_iter().filter(|entry| entry.offset <= floor);
        let older: Vec<_> = older.collect();
        // The one before the first that is here closes the row.
        let joins = older.last().is_some_and(|entry| entry.offset == floor);
        let begins_here = begin.is_some_and(|begin| begin.offset == floor);
        if !joins && !begins_here {
            return;
        }
        if let Some(begin) = begin {
            self.floor = begin;
        } else if let Some(first) = older.first() {
            let offset = first.offset - 1;
            self.floor = Place { offset, tag: 0 };
        }
        self.is_vague = true;
        for entry in older.into_iter().rev() {
            self.bytes += entry.cost();
            self.entries.push_front(entry);
        }
    }

    /// Whether it holds all that came after an offset.
    pub(super) fn reaches_back_to(&self, offset: u64) -> bool {
        (self.floor.offset..=self.top.offset).contains(&offset)
    }

    /// Adds a message behind the others, and lets go of those that are too many or too old.
    pub(super) fn push(&mut self, entry: Entry, keep: &Retention, max_bytes: usize) {
        let now = entry.at;
        self.top = Place::of(&entry);
        self.bytes += entry.cost();
        // Doubling the room each time would take more than an entry counts for.
        if self.entries.len() == self.entries.capacity() {
            self.entries.reserve_exact(4.max(self.entries.len() / 2));
        }
        self.entries.push_back(entry);
        while self.entries.len() > keep.messages || self.bytes > max_bytes {
            self.pop();
        }
        self.expire(keep, now);
    }

    /// Lets go of what is older than twice the age.
    pub(super) fn expire(&mut self, keep: &Retention, now: Instant) {
        let gone = |entry: &Entry| now.duration_since(entry.at) > keep.age.saturating_mul(2);
        while self.entries.front().is_some_and(gone) {
            self.pop();
        }
        if self.entries.is_empty() {
            self.entries = VecDeque::new();
        }
    }

    /// Notes, as a place of its own behind all others, that messages may be missing there.
    pub(super) fn break_off(&mut self, place: Place) {
        self.top = place;
        self.broken = place;
    }

    /// Returns the place of the newest message.
    pub(super) fn top(&self) -> Place {
        self.top
    }

    /// Returns the place after which the message of an index comes.
    pub(super) fn place_before(&self, index: usize) -> Place {
        if index == self.entries.len() {
            return self.top;
        }
        let before = index.checked_sub(1).and_then(|at| self.entries.get(at));
        before.map_or(self.floor, Place::of)
    }

    /// Finds what came after a place.
    pub(super) fn since(&self, place: Place) -> Since {
        let offset = place.offset;
        let is_floor = self.is_vague && offset == self.floor.offset;
        if place == self.top || is_floor && self.entries.is_empty() && offset == self.top.offset {
            return Since::Whole(self.entries.len());
        }
        if offset >= self.top.offset {
            return Since::Unknown;
        }
        if offset < self.broken.offset {
            return Since::Broken;
        }
        if offset < self.floor.offset {
            return Since::Gone;
        }
        let index = self.entries.partition_point(|entry| entry.offset <= offset);
        let before = index.checked_sub(1).map(|at| Place::of(&self.entries[at]));
        if place == self.broken || is_floor || place == before.unwrap_or(self.floor) {
            Since::Whole(index)
        } else {
            Since::Unknown
        }
    }

    pub(super) fn entries(&self) -> &VecDeque<Entry> {
        &self.entries
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn pop(&mut self) {
        if let Some(entry) = self.entries.pop_front() {
            self.bytes -= entry.cost();
            self.floor = Place::of(&entry);
            self.is_vague = false;
        }
    }
}

impl Place {
    fn of(entry: &Entry) -> Self {
        Self {
            offset: entry.offset,
            tag: entry.tag,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{config::HistoryRule, frame::Frame};

    fn entry(offset: u64, at: Instant) -> Entry {
        Entry {
            offset,
            tag: offset as u32 + 100,
            at,
            frame: Frame::text(b"{}"),
            excludes: None,
        }
    }

    fn place(offset: u64) -> Place {
        Place {
            offset,
            tag: if offset == 0 { 0 } else { offset as u32 + 100 },
        }
    }

    fn offsets(ring: &Ring) -> Vec<u64> {
        ring.entries().iter().map(|entry| entry.offset).collect()
    }

    #[test]
    fn it_keeps_so_many_and_knows_what_is_gone() {
        let keep = HistoryRule::users().messages(2).keep;
        let now = Instant::now();
        let mut ring = Ring::default();
        assert_eq!(ring.since(place(0)), Since::Whole(0));
        for offset in 1..=4 {
            ring.push(entry(offset, now), &keep, usize::MAX);
        }
        assert_eq!(offsets(&ring), [3, 4]);
        for (offset, expected) in [
            (0, Since::Gone),
            (1, Since::Gone),
            (2, Since::Whole(0)),
            (3, Since::Whole(1)),
            (4, Since::Whole(2)),
            (5, Since::Unknown),
        ] {
            assert_eq!(ring.since(place(offset)), expected, "{offset}");
        }
        for offset in 2..=4 {
            let other = Place { offset, tag: 7 };
            assert_eq!(ring.since(other), Since::Unknown, "{offset}");
        }
    }

    #[test]
    fn offsets_may_have_holes_which_are_no_places() {
        let keep = HistoryRule::users().keep;
        let now = Instant::now();
        let mut ring = Ring::default();
        ring.push(entry(10, now), &keep, usize::MAX);
        ring.push(entry(20, now), &keep, usize::MAX);
        assert_eq!(ring.since(place(10)), Since::Whole(1));
        assert_eq!(ring.since(place(15)), Since::Unknown);
        assert_eq!(ring.since(place(0)), Since::Whole(0));
    }

    #[test]
    fn nothing_is_known_across_a_break() {
        let keep = HistoryRule::users().messages(3).keep;
        let now = Instant::now();
        let mut ring = Ring::default();
        ring.push(entry(1, now), &keep, usize::MAX);
        ring.break_off(place(2));
        assert_eq!((ring.top(), offsets(&ring)), (place(2), vec![1]));
        for (offset, expected) in [
            (0, Since::Broken),
            (1, Since::Broken),
            (2, Since::Whole(1)),
            (3, Since::Unknown),
        ] {
            assert_eq!(ring.since(place(offset)), expected, "{offset}");
        }
        ring.push(entry(3, now), &keep, usize::MAX);
        ring.push(entry(4, now), &keep, usize::MAX);
        assert_eq!(ring.since(place(1)), Since::Broken);
        assert_eq!(ring.since(place(2)), Since::Whole(1));
        assert_eq!(ring.since(Place { offset: 2, tag: 7 }), Since::Unknown);
        assert_eq!(ring.since(place(3)), Since::Whole(2));
        ring.push(entry(5, now), &keep, usize::MAX);
        assert_eq!(ring.since(place(2)), Since::Whole(0));
        ring.push(entry(6, now), &keep, usize::MAX);
        assert_eq!(ring.since(place(2)), Since::Gone);
    }

    #[test]
    fn what_a_store_has_is_put_in_front() {
        let keep = HistoryRule::users().keep;
        let now = Instant::now();
        let older = |offsets: &[u64]| offsets.iter().map(|at| entry(*at, now)).collect();
        let ring = || {
            let mut ring = Ring::after(place(5));
            ring.push(entry(6, now), &keep, usize::MAX);
            ring
        };
        let mut whole = ring();
        assert_eq!(whole.since(place(5)), Since::Whole(0));
        assert_eq!(whole.since(place(4)), Since::Gone);
        assert!(whole.reaches_back_to(5) && !whole.reaches_back_to(4));
        whole.extend_back(older(&[3, 5, 6]), Some(place(2)));
        assert_eq!(offsets(&whole), [3, 5, 6]);
        assert_eq!(whole.since(place(2)), Since::Whole(0));
        assert_eq!(whole.since(place(3)), Since::Whole(1));
        assert_eq!(whole.since(place(1)), Since::Gone);
        // One that does not reach what is here.
        let mut apart = ring();
        apart.extend_back(older(&[3, 4]), Some(place(2)));
        assert_eq!(offsets(&apart), [6]);
        // One from a place that is here.
        let mut known = ring();
        known.extend_back(older(&[]), Some(place(6)));
        assert_eq!((offsets(&known), known.floor), (vec![6], place(5)));
        known.extend_back(older(&[6]), Some(place(5)));
        assert_eq!((offsets(&known), known.floor), (vec![6], place(5)));
        // The newest alone.
        let mut empty = Ring::after(place(5));
        empty.extend_back(older(&[5]), None);
        assert_eq!(offsets(&empty), [5]);
        assert_eq!(empty.since(place(3)), Since::Gone);
        assert_eq!(empty.since(place(5)), Since::Whole(1));
        let bytes = empty.bytes();
        assert_eq!(bytes, entry(5, now).cost());
    }

    #[test]
    fn after_twice_the_age_a_message_is_gone_and_its_place_is_known() {
        let keep = HistoryRule::users().age(Duration::from_secs(10)).keep;
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut ring = Ring::default();
        ring.push(entry(1, at(0)), &keep, usize::MAX);
        ring.push(entry(2, at(15)), &keep, usize::MAX);
        ring.expire(&keep, at(20));
        assert_eq!(offsets(&ring), [1, 2]);
        ring.expire(&keep, at(21));
        assert_eq!(offsets(&ring), [2]);
        ring.expire(&keep, at(36));
        assert_eq!(offsets(&ring), [0; 0]);
        assert_eq!(
            (ring.bytes(), ring.top(), ring.floor),
            (0, place(2), place(2))
        );
        assert_eq!(ring.since(place(2)), Since::Whole(0));
        assert_eq!(ring.since(place(1)), Since::Gone);
    }

    #[test]
    fn a_message_that_exceeds_the_bound_alone_is_not_kept() {
        let keep = HistoryRule::users().keep;
        let now = Instant::now();
        let cost = entry(1, now).cost();
        let mut ring = Ring::default();
        for offset in 1..=3 {
            ring.push(entry(offset, now), &keep, 2 * cost);
        }
        assert_eq!((offsets(&ring), ring.bytes()), (vec![2, 3], 2 * cost));
        ring.push(entry(4, now), &keep, cost - 1);
        assert!(ring.is_empty());
        assert_eq!((ring.bytes(), ring.top()), (0, place(4)));
    }
}
