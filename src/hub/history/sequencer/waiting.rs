//! This node's messages until they have their places, or go out without: in the order in which they were
//! published.

use tokio::time::Instant;

use super::{
    effect::{Body, Effect, Weight},
    sequencer::{Pending, Sequencer},
    turn::{OWN_WAIT, Turn},
};

impl<T: Clone + Weight> Sequencer<T> {
    /// Takes a message of this node that the store is asked to append.
    pub(in crate::hub::history) fn publish(&mut self, id: u64, message: T, now: Instant) {
        let turn = self.next_turn(now);
        self.pending.push_back(Pending {
            id,
            message: Some(message),
            turn,
        });
    }

    /// Takes a message of this node that the store is not asked to append.
    pub(in crate::hub::history) fn publish_void(
        &mut self,
        id: u64,
        message: T,
        now: Instant,
    ) -> Vec<Effect<T>> {
        let mut effects = Vec::new();
        let turn = self.next_turn(now);
        self.hurry(turn, now, &mut effects);
        self.deliver_void(id, message, now, &mut effects);
        self.scars.miss(id, now);
        effects
    }

    /// Takes the failure of an append.
    pub(in crate::hub::history) fn failed(&mut self, id: u64, now: Instant) -> Vec<Effect<T>> {
        let mut effects = Vec::new();
        if self.scars.failed(id, now) {
            return effects;
        }
        if let Some(pending) = self.take_pending(id) {
            if let Some(message) = pending.message {
                self.hurry(pending.turn, now, &mut effects);
                self.deliver_void(id, message, now, &mut effects);
            }
            self.scars.miss(id, now);
        }
        effects
    }

    /// Delivers what has waited for too long without its place.
    pub(super) fn give_up_waiting(&mut self, now: Instant, effects: &mut Vec<Effect<T>>) {
        let number = u64::MAX;
        if let Some(at) = now.checked_sub(OWN_WAIT) {
            self.hurry(Turn { at, number }, now, effects);
        }
    }

    /// Delivers this node's messages that wait and were published before a turn without their places: one
    /// that goes out now is to overtake none of its caller.
    pub(super) fn hurry(&mut self, turn: Turn, now: Instant, effects: &mut Vec<Effect<T>>) {
        let is_before = |one: &Turn| *one <= turn;
        let pending = self.pending.iter_mut();
        let pending = pending.take_while(|one| is_before(&one.turn));
        let pending = pending.filter_map(|one| Some((one.turn, one.id, one.message.take()?)));
        let mut waiting: Vec<_> = pending.collect();
        for held in self.held.values_mut().chain(&mut self.strange) {
            let Some(turn) = held.turn.take_if(|turn| is_before(turn)) else {
                continue;
            };
            if let Body::Message(message) = &held.body {
                self.held_bytes -= message.weight();
                waiting.push((turn, held.place.id, message.clone()));
                held.body = Body::Passed;
            }
        }
        waiting.sort_unstable_by_key(|(turn, ..)| *turn);
        for (_, id, message) in waiting {
            self.deliver_void(id, message, now, effects);
        }
    }

    /// Delivers a message of this node without a place, here and elsewhere.
    fn deliver_void(&mut self, id: u64, message: T, now: Instant, effects: &mut Vec<Effect<T>>) {
        self.voids.add(id, true, now);
        effects.push(Effect::Deliver {
            id,
            message: message.clone(),
            place: None,
            is_void: true,
        });
        effects.push(Effect::Forward {
            id,
            place: None,
            body: Body::Message(message),
        });
    }

    fn next_turn(&mut self, at: Instant) -> Turn {
        self.published += 1;
        let number = self.published;
        Turn { at, number }
    }
}
