//! The last messages of one stream, as plain state.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::place::{Place, Since};
use crate::{config::Retention, hub::history::entry::Entry};

/// The last messages of one life of a stream, in the order of their offsets, which grow and may have
/// holes.
///
/// It is whole from its floor on: each message behind that is here. A break in it is a place of its own,
/// behind which it is whole again.
#[derive(Debug, Default)]
pub(in crate::hub::history) struct Ring {
    entries: VecDeque<Entry>,
    bytes: usize,
    /// The last message that is no longer here, or the place before the first one.
    pub(super) floor: Place,
    /// The place of the newest message, or of a break after it.
    top: Place,
    /// The place of the last break.
    broken: Option<Place>,
    /// Whether the tag of the floor is not known, so that no client can resume from there.
    is_vague: bool,
    /// Whether the stream has had no message yet.
    is_fresh: bool,
}

impl Ring {
    /// Returns a ring of a stream that has had no message yet.
    pub(in crate::hub::history) fn fresh(place: Place) -> Self {
        Self {
            is_fresh: true,
            ..Self::after(place)
        }
    }

    /// Returns a ring that begins after a place.
    pub(in crate::hub::history) fn after(place: Place) -> Self {
        Self {
            floor: place,
            top: place,
            ..Self::default()
        }
    }

    /// Returns a ring that begins after a place of which the tag is not known.
    pub(in crate::hub::history) fn after_offset(offset: u64) -> Self {
        Self {
            is_vague: true,
            ..Self::after(Place { offset, tag: 0 })
        }
    }

    /// Returns a ring without messages that ends where this one does.
    pub(in crate::hub::history) fn emptied(&self) -> Self {
        if self.is_vague && self.top == self.floor {
            Self::after_offset(self.top.offset)
        } else {
            Self::after(self.top)
        }
    }

    /// Adds messages in front of those that are here: `entries` are all from `begin` on, and may reach
    /// into what is here. Without `begin` they are all that there are.
    pub(in crate::hub::history) fn extend_back(
        &mut self,
        entries: Vec<Entry>,
        begin: Option<Place>,
    ) {
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
            self.is_vague = false;
        } else if let Some(first) = older.first() {
            let offset = first.offset - 1;
            self.floor = Place { offset, tag: 0 };
            self.is_vague = true;
        }
        self.is_fresh &= older.is_empty();
        for entry in older.into_iter().rev() {
            self.bytes += entry.cost();
            self.entries.push_front(entry);
        }
    }

    /// Whether it holds all that came after an offset, and knows which places are there.
    pub(in crate::hub::history) fn reaches_back_to(&self, offset: u64) -> bool {
        let known = self.floor.offset + u64::from(self.is_vague);
        (known..=self.top.offset).contains(&offset)
    }

    /// Adds a message behind the others, and drops those that are too many or too old.
    pub(in crate::hub::history) fn push(
        &mut self,
        entry: Entry,
        keep: &Retention,
        max_bytes: usize,
    ) {
        let now = entry.at;
        self.is_fresh = false;
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

    /// Drops messages that are older than twice the age.
    pub(in crate::hub::history) fn expire(&mut self, keep: &Retention, now: Instant) {
        let gone = |entry: &Entry| now.duration_since(entry.at) > keep.age.saturating_mul(2);
        while self.entries.front().is_some_and(gone) {
            self.pop();
        }
        if self.entries.is_empty() {
            self.entries = VecDeque::new();
        }
    }

    /// Notes, as a place of its own behind all others, that messages may be missing there.
    pub(in crate::hub::history) fn break_off(&mut self, place: Place) {
        self.is_fresh = false;
        self.top = place;
        self.broken = Some(place);
    }

    /// Returns the place of the newest message.
    pub(in crate::hub::history) fn top(&self) -> Place {
        self.top
    }

    /// Returns the place after which the message of an index comes.
    pub(in crate::hub::history) fn place_before(&self, index: usize) -> Place {
        if index == self.entries.len() {
            return self.top;
        }
        let before = index.checked_sub(1).and_then(|at| self.entries.get(at));
        before.map_or(self.floor, Place::of)
    }

    /// Finds what came after a place.
    pub(in crate::hub::history) fn since(&self, place: Place) -> Since {
        let offset = place.offset;
        let is_vague = self.is_vague && offset == self.floor.offset;
        if offset >= self.top.offset {
            let is_top = place == self.top && !is_vague;
            return if is_top || self.is_fresh && offset == self.top.offset {
                Since::Whole(self.entries.len())
            } else if is_vague {
                Since::Gone
            } else {
                Since::Unknown
            };
        }
        if self.broken.is_some_and(|broken| offset < broken.offset) {
            return Since::Broken;
        }
        if offset < self.floor.offset || is_vague {
            return Since::Gone;
        }
        let index = self.entries.partition_point(|entry| entry.offset <= offset);
        let before = index.checked_sub(1).map(|at| Place::of(&self.entries[at]));
        if self.broken == Some(place) || place == before.unwrap_or(self.floor) {
            Since::Whole(index)
        } else {
            Since::Unknown
        }
    }

    pub(in crate::hub::history) fn entries(&self) -> &VecDeque<Entry> {
        &self.entries
    }

    pub(in crate::hub::history) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(in crate::hub::history) fn is_empty(&self) -> bool {
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
