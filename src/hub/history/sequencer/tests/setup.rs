//! A sequencer and what happens to it.

use std::time::Duration;

use tokio::time::Instant;

use crate::hub::history::sequencer::{Answer, Body, Effect, Last, Place, Sequencer, Weight};

/// A sequencer and its clock. Messages are named by their ids.
pub(super) struct Test {
    pub(super) sequencer: Sequencer<u64>,
    pub(super) now: Instant,
}

/// The node that sends what is not said to be another's.
const OTHER: u64 = 1;

impl Weight for u64 {
    fn weight(&self) -> usize {
        1_000
    }
}

impl Test {
    /// Begins after entry 5 of epoch 1.
    pub(super) fn new() -> Self {
        let mut sequencer = Sequencer::new(7);
        let now = Instant::now();
        sequencer.begin(last(1, 5), false, now);
        Self { sequencer, now }
    }

    pub(super) fn wait(&mut self, milliseconds: u64) -> Vec<Effect<u64>> {
        self.now += Duration::from_millis(milliseconds);
        self.sequencer.tick(self.now)
    }

    pub(super) fn publish(&mut self, id: u64) {
        self.sequencer.publish(id, id, self.now);
    }

    pub(super) fn answered(&mut self, place: Place) -> Vec<Effect<u64>> {
        self.sequencer.answered(place, self.now)
    }

    /// Another node's message, whose id is a hundred times its offset.
    pub(super) fn arrived(&mut self, offset: u64) -> Vec<Effect<u64>> {
        self.arrived_at(place(1, offset))
    }

    pub(super) fn arrived_at(&mut self, place: Place) -> Vec<Effect<u64>> {
        self.arrived_from(OTHER, place)
    }

    pub(super) fn arrived_from(&mut self, sender: u64, place: Place) -> Vec<Effect<u64>> {
        let body = Body::Message(place.id);
        self.sequencer.arrived(place, body, sender, self.now)
    }

    pub(super) fn arrived_void(&mut self, id: u64) -> Vec<Effect<u64>> {
        self.sequencer.arrived_void(id, id, OTHER, self.now)
    }

    pub(super) fn read(&mut self, after: Last, answer: Answer<u64>) -> Vec<Effect<u64>> {
        self.sequencer.read(after, answer, self.now)
    }
}

pub(super) fn place(epoch: u64, offset: u64) -> Place {
    Place {
        epoch,
        offset,
        previous: Some(offset - 1),
        id: offset * 100,
    }
}

pub(super) fn last(epoch: u64, offset: u64) -> Last {
    Last {
        epoch,
        offset,
        id: Some(offset * 100),
    }
}

/// A whole page with these entries.
pub(super) fn page(epoch: u64, entries: impl IntoIterator<Item = u64>, top: u64) -> Answer<u64> {
    let entries = entries.into_iter().map(|offset| place(epoch, offset));
    let entries = entries.map(|place| (place, Body::Message(place.id)));
    Answer {
        epoch,
        top,
        top_id: top * 100,
        anchor: None,
        is_complete: true,
        entries: entries.collect(),
    }
}

pub(super) fn expired(epoch: u64, top: u64) -> Answer<u64> {
    Answer {
        is_complete: false,
        ..page(epoch, [], top)
    }
}

pub(super) fn deliver(place: Place) -> Effect<u64> {
    Effect::Deliver {
        id: place.id,
        message: place.id,
        place: Some(place),
        is_void: false,
    }
}

/// A message in its place, from whose position nothing is to be resumed.
pub(super) fn deliver_open(offset: u64) -> Effect<u64> {
    let place = place(1, offset);
    Effect::Deliver {
        id: place.id,
        message: place.id,
        place: Some(place),
        is_void: true,
    }
}

pub(super) fn deliver_void(id: u64) -> Effect<u64> {
    Effect::Deliver {
        id,
        message: id,
        place: None,
        is_void: true,
    }
}

pub(super) fn forward(place: Place, body: Body<u64>) -> Effect<u64> {
    Effect::Forward {
        id: place.id,
        place: Some(place),
        body,
    }
}

pub(super) fn forward_void(id: u64) -> Effect<u64> {
    Effect::Forward {
        id,
        place: None,
        body: Body::Message(id),
    }
}
