//! The places that are held and waited for: plain state, a few steps for each change.

use std::{collections::HashMap, mem, task::Waker};

use slab::Slab;

use super::{
    chain::{Chain, Linked, Links},
    key::Key,
    room::{Most, Room},
};

/// The places, and what waits for one.
///
/// While one is free, each key that still waits has its share already.
#[derive(Debug)]
pub(super) struct Queue {
    free: usize,
    /// How many places one key may hold.
    share: usize,
    room: Room,
    /// Those lines that more work may join.
    by_key: HashMap<Key, usize>,
    /// One for each key that holds a place or waits for one.
    lines: Slab<Line>,
    waiting: Slab<Waiting>,
    /// The lines in which work waits and which may hold one more place, the next one first.
    ring: Chain,
}

#[derive(Debug)]
struct Line {
    key: Key,
    held: usize,
    waiting: Chain,
    is_in_ring: bool,
    links: Links,
}

#[derive(Debug)]
struct Waiting {
    line: usize,
    bytes: usize,
    waker: Option<Waker>,
    has_turn: bool,
    links: Links,
}

/// A place that was taken, named by the line that took it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place(usize);

/// A number to wait with.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ticket(usize);

/// What became of asking for a place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Taken(Place),
    Waits(Ticket),
    /// Too much waits already.
    Full,
}

impl Queue {
    pub(super) fn new(places: usize, most: Option<Most>) -> Self {
        Self {
            free: places,
            share: (places / 2).max(1),
            room: Room::new(most),
            by_key: HashMap::new(),
            lines: Slab::new(),
            waiting: Slab::new(),
            ring: Chain::default(),
        }
    }

    /// Takes a place, or a number to wait for one with.
    pub(super) fn ask(&mut self, key: Key, bytes: usize) -> Asked {
        let at = self.line(key);
        let line = &mut self.lines[at];
        let has_share = line.held >= self.share;
        if self.free > 0 && !has_share {
            self.free -= 1;
            line.held += 1;
            return Asked::Taken(Place(at));
        }
        if !self.room.take(bytes) {
            self.remove_if_idle(at);
            return Asked::Full;
        }
        let ticket = self.waiting.insert(Waiting {
            line: at,
            bytes,
            waker: None,
            has_turn: false,
            links: Links::default(),
        });
        line.waiting.push(&mut self.waiting, ticket);
        self.enter_ring(at);
        Asked::Waits(Ticket(ticket))
    }

    /// Returns the ticket's place if its turn has come, and wakes the task then otherwise.
    pub(super) fn look(&mut self, ticket: &Ticket, waker: &Waker) -> Option<Place> {
        let waiting = &mut self.waiting[ticket.0];
        if waiting.has_turn {
            let line = waiting.line;
            self.waiting.remove(ticket.0);
            return Some(Place(line));
        }
        match &mut waiting.waker {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        None
    }

    /// Gives up waiting. Returns the task that gets the turn instead.
    pub(super) fn leave(&mut self, ticket: &Ticket) -> Option<Waker> {
        let Waiting { line, has_turn, .. } = self.waiting[ticket.0];
        if has_turn {
            self.waiting.remove(ticket.0);
            return self.give_back(&Place(line));
        }
        let its_line = &mut self.lines[line];
        its_line.waiting.remove(&mut self.waiting, ticket.0);
        self.room.give_back(self.waiting.remove(ticket.0).bytes);
        if its_line.waiting.is_empty() && mem::take(&mut its_line.is_in_ring) {
            self.ring.remove(&mut self.lines, line);
        }
        self.remove_if_idle(line);
        None
    }

    /// Gives a place back, and returns the task that gets it.
    pub(super) fn give_back(&mut self, place: &Place) -> Option<Waker> {
        self.free += 1;
        self.lines[place.0].held -= 1;
        self.enter_ring(place.0);
        let woken = self.serve_next();
        self.remove_if_idle(place.0);
        woken
    }

    /// Counts what waits before it asks for a place; `false` if there is no room.
    pub(super) fn keep(&mut self, bytes: usize) -> bool {
        self.room.take(bytes)
    }

    pub(super) fn keep_no_longer(&mut self, bytes: usize) {
        self.room.give_back(bytes);
    }

    pub(super) fn room(&self) -> &Room {
        &self.room
    }

    /// Gives the free place to the next line, which then goes to the end of the ring.
    fn serve_next(&mut self) -> Option<Waker> {
        let at = self.ring.pop(&mut self.lines)?;
        let line = &mut self.lines[at];
        line.is_in_ring = false;
        let next = line.waiting.pop(&mut self.waiting)?;
        line.held += 1;
        self.free -= 1;
        let next = &mut self.waiting[next];
        next.has_turn = true;
        self.room.give_back(next.bytes);
        let waker = next.waker.take();
        self.enter_ring(at);
        waker
    }

    /// Puts a line at the end of the ring, if it belongs there and is not there.
    fn enter_ring(&mut self, at: usize) {
        let line = &mut self.lines[at];
        if !line.is_in_ring && !line.waiting.is_empty() && line.held < self.share {
            line.is_in_ring = true;
            self.ring.push(&mut self.lines, at);
        }
    }

    fn line(&mut self, key: Key) -> usize {
        let known = (!is_alone(&key)).then(|| self.by_key.get(&key));
        if let Some(&at) = known.flatten() {
            return at;
        }
        let at = self.lines.insert(Line {
            key: key.clone(),
            held: 0,
            waiting: Chain::default(),
            is_in_ring: false,
            links: Links::default(),
        });
        if !is_alone(&key) {
            self.by_key.insert(key, at);
        }
        at
    }

    fn remove_if_idle(&mut self, at: usize) {
        let line = &self.lines[at];
        if line.held == 0 && line.waiting.is_empty() {
            let line = self.lines.remove(at);
            if !is_alone(&line.key) {
                self.by_key.remove(&line.key);
            }
        }
    }
}

/// Whether no other work can have this key at the same time, so that no line of it need be found: a
/// socket has one piece of work under way.
fn is_alone(key: &Key) -> bool {
    matches!(key, Key::Socket(_))
}

impl Linked for Line {
    fn links(&mut self) -> &mut Links {
        &mut self.links
    }
}

impl Linked for Waiting {
    fn links(&mut self) -> &mut Links {
        &mut self.links
    }
}

#[cfg(test)]
impl Queue {
    /// Whether no place is held or waited for, and nothing is kept of earlier ones.
    pub(super) fn is_idle(&self) -> bool {
        let is_empty = self.lines.is_empty() && self.by_key.is_empty() && self.waiting.is_empty();
        is_empty && self.ring.is_empty() && self.room.messages() == 0
    }
}
