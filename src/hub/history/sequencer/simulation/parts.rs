//! What a run is made of: messages, nodes, and what is under way between them.

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
    Frame {
        node: usize,
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
    pub(super) is_up: bool,
    /// When its last append reaches the store, so that the next does not before it.
    pub(super) last_append: Time,
}
