//! Messages until they have their places, or go out without: those of each node in the order in which it
//! has published them.

use tokio::time::Instant;

use super::{
    effect::{Body, Effect, Weight},
    sequencer::{Held, Pending, Sequencer},
    turn::{OWN_WAIT, Turn},
};

impl<T: Clone + Weight> Sequencer<T> {
    /// Takes a message of this node that the store is asked to append.
    pub(in crate::hub::history) fn publish(&mut self, id: u64, message: T, now: Instant) {
        let turn = self.next_turn(None, now);
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
        let turn = self.next_turn(None, now);
        self.hurry(turn, now, &mut effects);
        self.deliver_void(turn, id, message, now, &mut effects);
        self.scars.miss(id, now);
        self.tell_others(&mut effects);
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
                self.deliver_void(pending.turn, id, message, now, &mut effects);
            }
            self.scars.miss(id, now);
        }
        self.tell_others(&mut effects);
        effects
    }

    /// Delivers what has waited for too long without its place.
    pub(super) fn give_up_waiting(&mut self, now: Instant, effects: &mut Vec<Effect<T>>) {
        if let Some(at) = now.checked_sub(OWN_WAIT) {
            let turn = Turn {
                at,
                number: u64::MAX,
                sender: None,
            };
            self.hurry(turn, now, effects);
        }
    }

    /// Delivers what the sender of an entry had sent before it, then forwards the entry if it is this node's.
    pub(super) fn go_out(
        &mut self,
        held: &mut Held<T>,
        now: Instant,
        effects: &mut Vec<Effect<T>>,
    ) {
        if let Some(turn) = held.turn.take() {
            // Within an epoch the store has the entries of other nodes in order.
            if turn.is_own() || !self.strange.is_empty() {
                self.hurry(turn, now, effects);
            }
        }
        if !held.is_told {
            held.is_told = true;
            effects.push(held.forward());
        }
    }

    /// Forwards this node's entries that are held back, unless an older message of this node still waits for
    /// the store: if the store does not take that one, it would reach the other nodes too late.
    pub(super) fn tell_others(&mut self, effects: &mut Vec<Effect<T>>) {
        let waiting = self.pending.iter().find(|one| one.message.is_some());
        let first = waiting.map(|one| one.turn);
        let is_ready = |turn: Option<Turn>| turn.is_none() || first.is_none() || turn < first;
        let held = self.held.values_mut().chain(&mut self.strange);
        let ready = held.filter(|held| !held.is_told && is_ready(held.turn));
        let mut ready: Vec<_> = ready.collect();
        ready.sort_by_key(|held| held.turn);
        for held in ready {
            held.is_told = true;
            effects.push(held.forward());
        }
    }

    /// Delivers, without their places, the waiting messages of a sender up to a turn: what goes out now must
    /// not overtake them.
    pub(super) fn hurry(&mut self, turn: Turn, now: Instant, effects: &mut Vec<Effect<T>>) {
        let is_before = |one: &Turn| one.is_up_to(&turn);
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
            self.deliver_void(turn, id, message, now, effects);
        }
    }

    /// Delivers a message without a place, also elsewhere if it is this node's.
    pub(super) fn deliver_void(
        &mut self,
        turn: Turn,
        id: u64,
        message: T,
        now: Instant,
        effects: &mut Vec<Effect<T>>,
    ) {
        if self.is_known(id) {
            return;
        }
        self.voids.add(id, turn.is_own(), now);
        effects.push(Effect::Deliver {
            id,
            message: message.clone(),
            place: None,
            is_void: true,
        });
        if turn.is_own() {
            effects.push(Effect::Forward {
                id,
                place: None,
                body: Body::Message(message),
            });
        }
    }

    pub(super) fn next_turn(&mut self, sender: Option<u64>, at: Instant) -> Turn {
        self.turns += 1;
        Turn {
            at,
            number: self.turns,
            sender,
        }
    }
}

impl<T: Clone> Held<T> {
    fn forward(&self) -> Effect<T> {
        Effect::Forward {
            id: self.place.id,
            place: Some(self.place),
            body: self.body.clone(),
        }
    }
}
