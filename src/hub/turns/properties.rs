//! The queue against a model that looks through everything, in random cases; and its order, by
//! example.

use std::{collections::BTreeMap, task::Waker};

use proptest::prelude::*;

use super::{
    key::Key,
    queue::{Asked, Place, Queue, Ticket},
    room::Most,
};
use crate::protocol::UserId;

fn key(name: u8) -> Key {
    Key::User(UserId::from(name.to_string()))
}

/// A queue in which all that is asked for is remembered by number.
struct Played {
    queue: Queue,
    held: Vec<(u8, Place)>,
    waiting: Vec<(u8, usize, Ticket)>,
    asked: usize,
}

impl Played {
    fn new(places: usize, most: Option<Most>) -> Self {
        Self {
            queue: Queue::new(places, most),
            held: Vec::new(),
            waiting: Vec::new(),
            asked: 0,
        }
    }

    /// Asks for a place. Returns `false` if there was no room to wait.
    fn ask(&mut self, name: u8) -> bool {
        self.asked += 1;
        match self.queue.ask(key(name), 1) {
            Asked::Taken(place) => self.held.push((name, place)),
            Asked::Waits(ticket) => self.waiting.push((name, self.asked, ticket)),
            Asked::Full => return false,
        }
        true
    }

    /// Collects the places of all that have their turn, and returns the numbers with which they asked.
    fn collect(&mut self) -> Vec<usize> {
        let mut served = Vec::new();
        let mut still = Vec::new();
        for (name, number, ticket) in self.waiting.drain(..) {
            match self.queue.look(&ticket, Waker::noop()) {
                Some(place) => {
                    self.held.push((name, place));
                    served.push(number);
                }
                None => still.push((name, number, ticket)),
            }
        }
        self.waiting = still;
        served
    }

    fn give_back(&mut self, at: usize) {
        let (_, place) = self.held.swap_remove(at);
        self.queue.give_back(&place);
    }

    fn leave(&mut self, at: usize) {
        let (_, _, ticket) = self.waiting.swap_remove(at);
        self.queue.leave(&ticket);
    }

    /// What holds once all that wait have looked.
    fn check(&self, places: usize, share: usize) {
        let mut held: BTreeMap<u8, usize> = BTreeMap::new();
        for (name, _) in &self.held {
            *held.entry(*name).or_default() += 1;
        }
        assert!(self.held.len() <= places);
        assert!(held.values().all(|&count| count <= share));
        if self.held.len() < places {
            for (name, _, _) in &self.waiting {
                assert_eq!(held.get(name), Some(&share), "{name} could have a place");
            }
        }
        assert_eq!(self.queue.room().messages(), self.waiting.len());
    }
}

#[derive(Clone, Debug)]
enum Step {
    Ask(u8),
    GiveBack(usize),
    Leave(usize),
    Collect,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..4u8).prop_map(Step::Ask),
        2 => any::<usize>().prop_map(Step::GiveBack),
        1 => any::<usize>().prop_map(Step::Leave),
        2 => Just(Step::Collect),
    ]
}

proptest! {
    #[test]
    fn no_key_waits_that_could_have_a_place_and_nothing_is_left(
        places in 1..8usize,
        steps in prop::collection::vec(step(), 0..200),
    ) {
        let mut played = Played::new(places, None);
        let share = (places / 2).max(1);
        for step in steps {
            match step {
                Step::Ask(name) => prop_assert!(played.ask(name)),
                Step::GiveBack(at) if !played.held.is_empty() => {
                    played.give_back(at % played.held.len());
                }
                // Its turn may have come without a look at it.
                Step::Leave(at) if !played.waiting.is_empty() => {
                    played.leave(at % played.waiting.len());
                }
                _ => {
                    played.collect();
                    played.check(places, share);
                }
            }
        }
        played.collect();
        played.check(places, share);
        while !played.held.is_empty() {
            played.give_back(0);
            played.collect();
        }
        prop_assert_eq!(played.waiting.len(), 0);
        prop_assert!(played.queue.is_idle());
    }
}

/// What gets a place, in which order, when each of these asks and one place comes free at a time.
fn order(places: usize, names: &[u8]) -> Vec<usize> {
    let mut played = Played::new(places, None);
    for &name in names {
        assert!(played.ask(name));
    }
    let mut order = Vec::new();
    while !played.held.is_empty() {
        // The one that has it longest.
        let (_, place) = played.held.remove(0);
        played.queue.give_back(&place);
        order.extend(played.collect());
    }
    assert!(played.queue.is_idle());
    order
}

#[test]
fn the_queues_are_served_in_turn() {
    const A: u8 = 0;
    const B: u8 = 1;
    const C: u8 = 2;

    for (places, names, expected) in [
        // One place: each key's own order is kept, and they alternate.
        (1, &[A, A, A, A, B, B, C][..], vec![5, 7, 2, 6, 3, 4]),
        (1, &[A, B, A, B, A], vec![2, 3, 4, 5]),
        (1, &[A, A, A], vec![2, 3]),
        // Two places: one each; what has its share waits although a place is free.
        (2, &[A, A, A, B], vec![2, 3]),
        (2, &[A, A, B, B, C], vec![5, 2, 4]),
        // Four: two each.
        (4, &[A, A, A, A, B, C, B], vec![7, 3, 4]),
    ] {
        assert_eq!(order(places, names), expected, "{places}: {names:?}");
    }
}

#[test]
fn one_that_asks_for_much_delays_one_that_asks_for_little_by_one_turn() {
    let mut played = Played::new(4, None);
    for _ in 0..1_000 {
        played.ask(0);
    }
    assert_eq!(played.held.len(), 2, "half of them");
    assert!(played.ask(1));
    assert_eq!(played.held.len(), 3, "it does not wait at all");
    played.ask(2);
    played.ask(3);
    assert_eq!(played.held.len(), 4);
    let number = played.asked;
    played.give_back(0);
    assert_eq!(played.collect(), [number], "before the other 998");
}

#[test]
fn beyond_the_bounds_nothing_more_waits() {
    let most = Most {
        messages: 3,
        bytes: 1 << 20,
    };
    let mut played = Played::new(2, Some(most));
    let asked: Vec<_> = (0..6).map(|_| played.ask(0)).collect();
    assert_eq!(asked, [true, true, true, true, false, false]);
    assert!(played.ask(1), "a place is free for it");
    assert!(!played.ask(2), "no room to wait");
    played.leave(0);
    assert!(played.ask(2));
}
