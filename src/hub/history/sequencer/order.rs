//! Which entry is delivered when.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::{
    effect::{Body, Effect, Last, Place, Scar, Weight},
    sequencer::{Beginning, GIVE_UP, HOLE_WAIT, Held, SEEN, Sequencer},
};

impl<T: Clone + Weight> Sequencer<T> {
    /// Takes an entry that is to be delivered in its place.
    pub(super) fn place(&mut self, held: Held<T>, now: Instant, effects: &mut Vec<Effect<T>>) {
        let place = held.place;
        let Some(last) = self.last else {
            // What came first is the beginning.
            self.beginning = (place.previous != Some(0)).then_some(Beginning {
                offset: place.offset,
                until: now + GIVE_UP,
            });
            self.pass(held, now, effects);
            return;
        };
        if place.epoch != last.epoch {
            self.place_strange(held, now, effects);
            return;
        }
        if place.offset <= last.offset {
            self.place_late(held, now, effects);
            return;
        }
        self.grow(place.offset, now);
        if place.previous == Some(last.offset) {
            self.pass(held, now, effects);
            self.drain(now, effects);
            return;
        }
        if place.previous.is_none_or(|previous| previous < last.offset) {
            self.read_soon(now);
        }
        self.hold(held, now, effects);
    }

    /// Delivers buffered entries that directly follow the last one.
    pub(super) fn drain(&mut self, now: Instant, effects: &mut Vec<Effect<T>>) {
        while let (Some(last), Some(first)) = (self.last, self.held.values().next()) {
            let place = first.place;
            let is_next = place.previous == Some(last.offset);
            if place.offset > last.offset && !is_next {
                return;
            }
            let Some(held) = self.take_first() else {
                return;
            };
            if place.offset <= last.offset {
                self.place_late(held, now, effects);
            } else {
                self.pass(held, now, effects);
                // A new hole starts now.
                self.hole = None;
            }
        }
    }

    /// Delivers an entry, whatever was before it.
    pub(super) fn pass(&mut self, held: Held<T>, now: Instant, effects: &mut Vec<Effect<T>>) {
        let mut held = self.answer_early(held);
        // Older messages of its node, which the store places later, go first.
        self.go_out(&mut held, now, effects);
        let place = held.place;
        self.last = Some(place.into());
        self.top = self.top.max(place.offset);
        // An entry may be stored again by a publisher whose first answer was lost.
        let is_known = self.voids.close(place.id) || self.has_seen(place.id);
        self.forget_seen(now);
        if self.seen.len() >= MAX_SEEN {
            self.seen.pop_front();
        }
        self.seen.push_back((place.offset, place.id, now));
        self.unbroken = (self.unbroken + 1).min(MAX_SEEN);
        match held.body {
            Body::Message(message) if !is_known => effects.push(Effect::Deliver {
                id: place.id,
                message,
                place: Some(place),
                is_void: self.is_open(),
            }),
            Body::Message(_) | Body::Passed => effects.push(Effect::Pass(place)),
            Body::Scar(scar) => {
                let knows_all = self.heal(&scar) || self.scars.is_own(place.id);
                effects.push(Effect::Pass(place));
                if !knows_all {
                    self.tell_gap(Some(place.into()), effects);
                }
            }
            Body::Garbage => {
                effects.push(Effect::Pass(place));
                self.tell_gap(Some(place.into()), effects);
            }
        }
    }

    /// Forgets what was delivered long ago.
    pub(in crate::hub::history) fn forget_seen(&mut self, now: Instant) {
        let is_old = |(.., at): &(u64, u64, Instant)| now >= *at + SEEN;
        while self.seen.front().is_some_and(is_old) {
            self.seen.pop_front();
        }
        if self.seen.is_empty() {
            self.seen = VecDeque::new();
        }
    }

    /// Tells a gap, and where the stream goes on if that may be resumed from.
    pub(super) fn tell_gap(&self, at: Option<Last>, effects: &mut Vec<Effect<T>>) {
        effects.push(Effect::TellGap(at.filter(|_| !self.is_open())));
    }

    /// Schedules a read if entries are missing, and tells the other nodes of what waits.
    pub(super) fn settle(&mut self, now: Instant, effects: &mut Vec<Effect<T>>) {
        self.tell_others(effects);
        let is_behind = self.last.is_some_and(|last| last.offset < self.top);
        if is_behind || !self.strange.is_empty() {
            if self.hole.is_none() {
                self.hole = Some(now);
                self.read_at.get_or_insert(now + HOLE_WAIT);
            }
        } else {
            self.hole = None;
            if !self.is_asked {
                self.read_at = None;
            }
        }
    }

    /// Has the store asked: what came does not fit.
    pub(super) fn read_soon(&mut self, now: Instant) {
        self.read_at = Some(now);
        self.is_asked = true;
    }

    /// Delivers what is held back without its place.
    pub(super) fn release(&mut self, now: Instant, effects: &mut Vec<Effect<T>>) {
        while let Some(held) = self.take_first() {
            self.deliver_unplaced(held, now, effects);
        }
    }

    /// Takes an entry whose place is gone. Its message is delivered without one, and no store has it.
    pub(super) fn deliver_unplaced(
        &mut self,
        mut held: Held<T>,
        now: Instant,
        effects: &mut Vec<Effect<T>>,
    ) {
        let id = held.place.id;
        self.go_out(&mut held, now, effects);
        match held.body {
            Body::Message(message) => {
                if self.is_known(id) {
                    return;
                }
                self.voids.add(id, true, now);
                self.scars.miss(id, now);
                effects.push(Effect::Deliver {
                    id,
                    message,
                    place: None,
                    is_void: true,
                });
            }
            Body::Passed if held.is_own || self.voids.take_over(id) => self.scars.miss(id, now),
            Body::Scar(scar) if held.is_own => {
                for id in scar.ids.iter() {
                    self.scars.miss(*id, now);
                }
            }
            // The node that has had it appended sees to it.
            Body::Passed | Body::Scar(_) | Body::Garbage => {}
        }
    }

    pub(super) fn take_first(&mut self) -> Option<Held<T>> {
        let (_, held) = self.held.pop_first()?;
        self.held_bytes -= weight(&held.body);
        Some(held)
    }

    /// Notes that an offset exists.
    pub(super) fn grow(&mut self, offset: u64, now: Instant) {
        if offset > self.top {
            self.top = offset;
            self.grew = Some(now);
        }
    }

    /// Takes an entry out of what is held back, if it is there.
    pub(super) fn take_held(&mut self, place: Place) -> Option<Held<T>> {
        let held = self.held.get(&place.offset)?;
        if held.place.id != place.id {
            return None;
        }
        self.held_bytes -= weight(&held.body);
        self.held.remove(&place.offset)
    }

    /// Holds an entry back until those before it have come.
    fn hold(&mut self, held: Held<T>, now: Instant, effects: &mut Vec<Effect<T>>) {
        let offset = held.place.offset;
        if let Some(twin) = self.held.get(&offset) {
            if twin.place.id != held.place.id {
                self.read_soon(now);
                self.deliver_own(held, now, effects);
            }
            return;
        }
        if self.has_no_room(&held.body) {
            // The store has it.
            self.deliver_own(held, now, effects);
            return;
        }
        self.held_bytes += weight(&held.body);
        self.held.insert(offset, held);
    }

    fn place_strange(&mut self, held: Held<T>, now: Instant, effects: &mut Vec<Effect<T>>) {
        let place = held.place;
        let mut before = self.before.iter();
        if let Some(before) = before.find(|before| before.epoch == place.epoch) {
            if place.offset > before.offset || held.is_own {
                // It may not have ended.
                self.read_soon(now);
                self.deliver_unplaced(held, now, effects);
            }
            return;
        }
        self.read_soon(now);
        if self.has_no_room(&held.body) {
            self.deliver_own(held, now, effects);
        } else {
            self.held_bytes += weight(&held.body);
            self.strange.push(held);
        }
    }

    /// Takes an entry whose place has passed.
    fn place_late(&mut self, mut held: Held<T>, now: Instant, effects: &mut Vec<Effect<T>>) {
        let place = held.place;
        let is_known = self.voids.close(place.id) || self.has_seen(place.id);
        let beginning = self.beginning(now).and(self.beginning);
        let is_awaited = beginning.is_some_and(|begun| place.offset < begun.offset);
        let is_due = !is_known && (held.is_own || is_awaited);
        if held.is_own || is_due {
            self.go_out(&mut held, now, effects);
        }
        match held.body {
            Body::Message(message) if is_due => {
                let late = self.late.map_or(0, |(offset, _)| offset);
                self.late = Some((late.max(place.offset), now));
                // The store may have it in another place.
                self.voids.add(place.id, true, now);
                self.voids.close(place.id);
                effects.push(Effect::Deliver {
                    id: place.id,
                    message,
                    place: Some(place),
                    is_void: true,
                });
            }
            Body::Scar(scar) => _ = self.heal(&scar),
            Body::Message(_) | Body::Passed | Body::Garbage => {}
        }
        if !is_known && !is_awaited && self.is_doubtful(place.offset, now) {
            self.read_soon(now);
        }
    }

    /// Whether a late entry that is unknown may mean that the store has gone back, or never had what was
    /// delivered last.
    fn is_doubtful(&self, offset: u64, now: Instant) -> bool {
        let first = self.seen.len() - self.unbroken.min(self.seen.len());
        let first = self.seen.get(first);
        if first.is_some_and(|(from, ..)| *from <= offset) {
            // Another entry was there.
            return true;
        }
        // It may just have been under way for long, so the store is not asked about each.
        let is_asking = self.is_reading || self.read_at.is_some();
        !is_asking && self.said.is_none_or(|said| now >= said + GIVE_UP)
    }

    /// Delivers a message of this node before its place has come, since it cannot be held back.
    fn deliver_own(&mut self, mut held: Held<T>, now: Instant, effects: &mut Vec<Effect<T>>) {
        if !held.is_own {
            return;
        }
        self.go_out(&mut held, now, effects);
        let id = held.place.id;
        match held.body {
            Body::Message(message) if !self.voids.contains(id) => {
                self.voids.add(id, true, now);
                effects.push(Effect::Deliver {
                    id,
                    message,
                    place: None,
                    is_void: true,
                });
            }
            _ => {}
        }
    }

    /// Takes an entry for this node's, if a read has brought it before the answer to its append.
    fn answer_early(&mut self, held: Held<T>) -> Held<T> {
        let Some((body, turn)) = self.take_answered(held.place.id) else {
            return held;
        };
        Held {
            body,
            turn,
            is_own: true,
            is_told: false,
            ..held
        }
    }

    /// Notes what a scar stands for. Returns whether this node has delivered all of it.
    fn heal(&mut self, scar: &Scar) -> bool {
        let mut ids = scar.ids.iter();
        let knows_all = ids.all(|id| self.voids.contains(*id) || self.has_seen(*id));
        for id in scar.ids.iter() {
            self.voids.close(*id);
        }
        if scar.has_more {
            self.voids.close_all();
        }
        knows_all && !scar.has_more
    }

    fn has_no_room(&self, body: &Body<T>) -> bool {
        let weight = weight(body);
        let is_full = self.held.len() + self.strange.len() >= MAX_HELD;
        is_full || weight > 0 && self.held_bytes + weight > MAX_HELD_BYTES
    }
}

pub(super) fn weight<T: Weight>(body: &Body<T>) -> usize {
    match body {
        Body::Message(message) => message.weight(),
        Body::Passed | Body::Scar(_) | Body::Garbage => 0,
    }
}

/// How many entries wait for those before them.
pub(super) const MAX_HELD: usize = 256;

const MAX_HELD_BYTES: usize = 1 << 20;

/// How many of the last entries are recognized when they arrive twice.
const MAX_SEEN: usize = 1_024;
