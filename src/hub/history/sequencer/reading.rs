//! What the store answers, and where the stream goes on after a gap.

use std::{mem, time::Duration};

use tokio::time::Instant;

use super::{
    effect::{Answer, Effect, Last, Weight},
    order::weight,
    sequencer::{Beginning, GIVE_UP, HOLE_WAIT, Held, Sequencer},
};

impl<T: Clone + Weight> Sequencer<T> {
    /// Takes the answer to a read that was asked for.
    pub(in crate::hub::history) fn read(
        &mut self,
        after: Last,
        answer: Answer<T>,
        now: Instant,
    ) -> Vec<Effect<T>> {
        self.is_reading = false;
        self.is_asked = self.read_at.is_some();
        let before = self.last;
        let mut effects = Vec::new();
        if let Some(began) = self.reading_since.take() {
            self.refute(&answer, began, now, &mut effects);
        }
        effects.extend(self.feed(after, answer, now));
        if self.hole.is_some() {
            if self.last != before {
                self.hole = Some(now);
            }
            self.read_at.get_or_insert(now + HOLE_WAIT);
        }
        effects
    }

    /// Notes that a read that was asked for has failed.
    pub(in crate::hub::history) fn read_failed(&mut self, now: Instant) {
        self.is_reading = false;
        if self.is_asked || self.hole.is_some() {
            self.read_at = Some(now + READ_AGAIN);
        }
    }

    /// Takes what the store has answered, whether or not it was asked for here.
    pub(in crate::hub::history) fn feed(
        &mut self,
        after: Last,
        answer: Answer<T>,
        now: Instant,
    ) -> Vec<Effect<T>> {
        let mut effects = Vec::new();
        let Some(last) = self.last else {
            // It was forgotten meanwhile.
            return effects;
        };
        self.said = Some(now);
        if after.epoch != last.epoch || after.offset > last.offset {
            if answer.epoch != last.epoch || after.epoch == last.epoch {
                // A socket comes from a node that was faster, or knows another epoch.
                self.read_soon(now);
            }
            return effects;
        }
        let is_other = match (after.id, answer.anchor) {
            (Some(ours), Some(theirs)) => ours != theirs,
            _ => false,
        };
        if answer.epoch != last.epoch || answer.top < after.offset || is_other {
            self.change_epoch(&answer, now, &mut effects);
        } else if answer.is_complete {
            self.fill(answer, now, &mut effects);
        } else if after.offset == last.offset {
            self.go_on(answer.epoch, Some(answer.top()), now, &mut effects);
        } else {
            // More was delivered meanwhile, so that less may be lacking than was asked for.
            self.read_soon(now);
        }
        self.settle(now, &mut effects);
        effects
    }

    /// Takes out what has come with an offset or epoch that the store did not know later, or all that is
    /// stored from then on would be late.
    fn refute(
        &mut self,
        answer: &Answer<T>,
        began: Instant,
        now: Instant,
        effects: &mut Vec<Effect<T>>,
    ) {
        let Some(last) = self.last.filter(|last| last.epoch == answer.epoch) else {
            return;
        };
        self.late
            .take_if(|(offset, at)| *at <= began && *offset > answer.top);
        let unknown = self.held.range(answer.top.saturating_add(1)..);
        let unknown = unknown.filter(|(_, held)| held.came <= began);
        let unknown: Vec<_> = unknown.map(|(_, held)| held.place).collect();
        for place in unknown {
            if let Some(held) = self.take_held(place) {
                self.deliver_unplaced(held, now, effects);
            }
        }
        let strange = mem::take(&mut self.strange).into_iter();
        let (mut unknown, strange): (Vec<_>, _) = strange.partition(|held| held.came <= began);
        self.strange = strange;
        // In the order in which each node has sent them.
        unknown.sort_by_key(|held| held.turn);
        for held in unknown {
            self.held_bytes -= weight(&held.body);
            self.deliver_unplaced(held, now, effects);
        }
        if self.grew.is_none_or(|at| at <= began) {
            let held = self.held.keys().next_back().copied();
            self.top = answer.top.max(last.offset).max(held.unwrap_or(0));
        }
    }

    /// Begins after the newest entry of the store, if nothing was delivered yet. Live sockets still get what
    /// is under way.
    pub(in crate::hub::history) fn begin(&mut self, top: Last, has_live: bool, now: Instant) {
        if self.last.is_none() {
            self.last = Some(top);
            self.top = top.offset;
            self.said = Some(now);
            self.beginning = (has_live && top.offset > 0).then_some(Beginning {
                offset: top.offset.saturating_add(1),
                until: now + GIVE_UP,
            });
        }
    }

    /// Goes on after what lacks, since the store does not say what it was.
    pub(super) fn skip_hole(&mut self, now: Instant, effects: &mut Vec<Effect<T>>) {
        self.hole = None;
        if let Some(newest) = self.strange.last() {
            let epoch = newest.place.epoch;
            self.enter(epoch, None, now, effects);
        } else if let Some(last) = self.last {
            self.go_on(last.epoch, None, now, effects);
        }
    }

    /// Delivers what a whole read brings.
    fn fill(&mut self, answer: Answer<T>, now: Instant, effects: &mut Vec<Effect<T>>) {
        let top = answer.top();
        for (place, body) in answer.entries {
            if self.last.is_some_and(|last| place.offset > last.offset) {
                let held = match self.take_held(place) {
                    Some(held) => Held { place, ..held },
                    None => Held::foreign(place, body, None, now),
                };
                self.pass(held, now, effects);
            }
        }
        if self.last.is_some_and(|last| last.offset < top.offset) {
            self.last = Some(top);
            self.top = self.top.max(top.offset);
            self.unbroken = 0;
            self.tell_gap(Some(top), effects);
        }
        self.drain(now, effects);
    }

    fn change_epoch(&mut self, answer: &Answer<T>, now: Instant, effects: &mut Vec<Effect<T>>) {
        self.enter(answer.epoch, Some(answer.top()), now, effects);
    }

    /// Goes on in another epoch, or in the same one that has lost entries.
    fn enter(&mut self, epoch: u64, top: Option<Last>, now: Instant, effects: &mut Vec<Effect<T>>) {
        self.beginning = None;
        let strange = self.strange.iter();
        let strange = strange.filter(|held| held.place.epoch != epoch);
        let unplaced = self.held.values().chain(strange);
        let turns: Vec<_> = unplaced.filter_map(|held| held.turn).collect();
        for turn in turns {
            // In the order in which each node has published them.
            self.hurry(turn, now, effects);
        }
        self.release(now, effects);
        if let Some(last) = self.last.filter(|last| last.epoch != epoch) {
            if self.before.len() >= MAX_BEFORE {
                self.before.pop_front();
            }
            self.before.push_back(last);
        }
        self.before.retain(|before| before.epoch != epoch);
        self.late
            .take_if(|_| self.last.is_none_or(|last| last.epoch != epoch));
        for held in mem::take(&mut self.strange) {
            self.held_bytes -= weight(&held.body);
            if held.place.epoch == epoch && !self.held.contains_key(&held.place.offset) {
                self.held_bytes += weight(&held.body);
                self.held.insert(held.place.offset, held);
            } else {
                self.deliver_unplaced(held, now, effects);
            }
        }
        self.go_on(epoch, top, now, effects);
    }

    /// Tells a gap and goes on with what is held back, or else after `top`.
    fn go_on(&mut self, epoch: u64, top: Option<Last>, now: Instant, effects: &mut Vec<Effect<T>>) {
        self.unbroken = 0;
        let first = self.held.values().next().map(|held| held.place);
        let newest = self.held.keys().next_back().copied();
        let known = top.map_or(self.top_of(epoch), |top| top.offset);
        self.top = newest.map_or(known, |newest| newest.max(known));
        // What stands between the top of a read and what is held back has yet to come.
        let joins = |before: u64| top.is_none_or(|top| before <= top.offset);
        match first.filter(|first| joins(first.previous.unwrap_or(first.offset - 1))) {
            Some(_) => {
                self.tell_gap(None, effects);
                if let Some(held) = self.take_first() {
                    self.pass(held, now, effects);
                }
            }
            None => {
                let offset = self.top;
                let skipped = Last {
                    epoch,
                    offset,
                    id: None,
                };
                self.last = Some(top.unwrap_or(skipped));
                self.tell_gap(top, effects);
            }
        }
        self.drain(now, effects);
    }

    /// Returns the highest offset that is known of an epoch.
    fn top_of(&self, epoch: u64) -> u64 {
        let is_current = self.last.is_some_and(|last| last.epoch == epoch);
        if is_current { self.top } else { 0 }
    }
}

/// How long a store that could not be read is left alone.
const READ_AGAIN: Duration = Duration::from_millis(100);

/// How many epochs that have ended are known.
const MAX_BEFORE: usize = 4;
