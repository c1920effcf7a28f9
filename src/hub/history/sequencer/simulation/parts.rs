//! What a run is made of: messages, nodes, and what is under way between them.

use std::collections::HashSet;

use super::judge::{Event, Time};
use crate::hub::history::sequencer::{Answer, Body, Last, Place, Sequencer, Weight};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Message(pub(super) u64);

impl Weight for Message {
    fn weight(&self) -> usize {
        8
    }
}

/// What is under way.
#[derive(Clone, Debug)]
pub(super) enum Arrival {
    Append {
        node: usize,
        id: u64,
        body: Body<Message>,
    },
    Answered {
        node: usize,
        place: Place,
    },
    Failed {
        node: usize,
        id: u64,
    },
    Read {
        node: usize,
        after: Last,
    },
    ReadAnswered {
        node: usize,
        after: Last,
        answer: Option<Answer<Message>>,
    },
    /// A socket that comes again has its node ask where the stream is, and its node is told.
    Top {
        node: usize,
    },
    Begin {
        node: usize,
        top: Last,
    },
    Frame {
        node: usize,
        from: usize,
        id: u64,
        place: Option<Place>,
        body: Body<Message>,
    },
    /// The cluster has found out that something was lost.
    Lost {
        node: usize,
    },
}

pub(super) struct Node {
    pub(super) sequencer: Sequencer<Message>,
    /// When it has something to do.
    pub(super) due: Time,
    pub(super) log: Vec<Event>,
    /// The messages that have come over the backplane.
    pub(super) came: HashSet<u64>,
    /// Those of other nodes that it may have out of their turn: the backplane has lost them, the store was
    /// faster, or a gap was told where they stand.
    pub(super) out_of_turn: HashSet<u64>,
    pub(super) is_up: bool,
    /// When its last append reaches the store, so that the next does not before it.
    pub(super) last_append: Time,
}

impl Node {
    /// Whether its sockets have a message, or get it when those before it have come.
    pub(super) fn has(&self, id: u64) -> bool {
        let held = self.sequencer.held.values();
        let mut held = held.chain(&self.sequencer.strange);
        held.any(|held| held.place.id == id) || self.log.iter().any(|event| event.id() == Some(id))
    }
}
