//! A store that may go back.

use super::parts::Message;
use crate::hub::history::sequencer::{Answer, Body, Last, Place};

/// A stream of a store.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) entries: Vec<Stored>,
    pub(super) epoch: u64,
    /// Offsets grow, but not one by one.
    step: u64,
    /// Whether it knows an entry that comes again.
    is_idempotent: bool,
}

/// An entry of the store.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) offset: u64,
    pub(super) id: u64,
    pub(super) is_scar: bool,
    pub(super) previous: u64,
    body: Body<Message>,
}

impl Store {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            entries: Vec::new(),
            epoch: 1,
            step: 1 + seed % 3,
            is_idempotent: seed % 2 == 0,
        }
    }

    pub(super) fn append(&mut self, id: u64, body: Body<Message>) -> Place {
        let mut entries = self.entries.iter();
        let known = entries.find(|one| self.is_idempotent && one.id == id);
        let (offset, previous) = match known {
            Some(known) => (known.offset, known.previous),
            None => {
                let previous = self.top();
                let offset = previous + self.step;
                self.entries.push(Stored {
                    offset,
                    id,
                    is_scar: matches!(body, Body::Scar(_)),
                    previous,
                    body,
                });
                (offset, previous)
            }
        };
        Place {
            epoch: self.epoch,
            offset,
            previous: Some(previous),
            id,
        }
    }

    /// Restarts with so many entries.
    pub(super) fn rewind(&mut self, kept: usize) {
        self.entries.truncate(kept);
        self.epoch += 1;
    }

    /// Drops all but the newest entries.
    pub(super) fn trim(&mut self) {
        let gone = self.entries.len().saturating_sub(3);
        self.entries.drain(..gone);
    }

    pub(super) fn read(&self, after: Last) -> Answer<Message> {
        let entries = &self.entries;
        let anchor = entries.iter().find(|one| one.offset == after.offset);
        let later = entries.iter().filter(|one| one.offset > after.offset);
        let first = later.clone().next();
        let is_same = after.epoch == self.epoch;
        let is_complete = is_same && first.is_none_or(|first| first.previous <= after.offset);
        let entry = |one: &Stored| {
            let place = Place {
                epoch: self.epoch,
                offset: one.offset,
                previous: Some(one.previous),
                id: one.id,
            };
            (place, one.body.clone())
        };
        Answer {
            epoch: self.epoch,
            top: self.top(),
            top_id: entries.last().map_or(0, |top| top.id),
            anchor: anchor.map(|anchor| anchor.id),
            is_complete,
            entries: later.filter(|_| is_complete).map(entry).collect(),
        }
    }

    pub(super) fn has(&self, id: u64) -> bool {
        self.entries.iter().any(|one| one.id == id)
    }

    pub(super) fn top(&self) -> u64 {
        self.entries.last().map_or(0, |top| top.offset)
    }
}
