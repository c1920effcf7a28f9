//! The order of one lane's stream, as its store gives it.

use std::{collections::HashMap, sync::Arc};

use tokio::{sync::oneshot, time::Instant};

use super::{sent::Sent, settling::Settling};
use crate::{history::StreamKey, hub::history::sequencer::Sequencer};

/// The order of one stream on this node.
#[derive(Debug)]
pub(in crate::hub::history) struct Order {
    pub(in crate::hub::history) key: StreamKey,
    pub(in crate::hub::history) sequencer: Sequencer<Sent>,
    /// The reports of this node's messages, by their ids.
    pub(in crate::hub::history) settling: HashMap<u64, Arc<Settling>>,
    /// When the sockets got a message without a place last.
    pub(in crate::hub::history) unplaced: Option<Instant>,
    /// When the worker looks at the lane.
    pub(in crate::hub::history) due: Option<Instant>,
    pub(in crate::hub::history) catching: Catching,
    /// When the last read began that found nothing which the sockets do not have.
    pub(in crate::hub::history) confirmed: Option<Instant>,
}

/// Resuming sockets that wait for messages which this node does not hold.
#[derive(Debug, Default)]
pub(in crate::hub::history) struct Catching {
    pub(in crate::hub::history) waiting: Vec<Waiting>,
    pub(in crate::hub::history) is_reading: bool,
    /// Whether a read for what the live sockets lack as well has been tried.
    pub(in crate::hub::history) has_tried_last: bool,
    /// Whether some that wait ask for more than the store has.
    pub(in crate::hub::history) is_narrowing: bool,
    /// Whether open sockets have entered that are to be told where the stream is.
    pub(in crate::hub::history) has_newcomers: bool,
}

#[derive(Debug)]
pub(in crate::hub::history) struct Waiting {
    /// The epoch and offset from which it goes on.
    pub(in crate::hub::history) after: Option<(u64, u64)>,
    pub(in crate::hub::history) tell: oneshot::Sender<Told>,
}

/// What a read has found.
#[derive(Clone, Copy, Debug)]
pub(in crate::hub::history) enum Told {
    /// The store was not reached.
    Failed,
    Read(Found),
}

#[derive(Clone, Copy, Debug)]
pub(in crate::hub::history) struct Found {
    pub(in crate::hub::history) epoch: u64,
    pub(in crate::hub::history) is_complete: bool,
    /// Where the last scar is.
    pub(in crate::hub::history) scar: u64,
}

impl Order {
    pub(in crate::hub::history) fn new(key: StreamKey, random: u64) -> Self {
        Self {
            key,
            sequencer: Sequencer::new(random),
            settling: HashMap::new(),
            unplaced: None,
            due: None,
            catching: Catching::default(),
            confirmed: None,
        }
    }

    /// Notes what a read has found that began at a moment: the top of an epoch.
    pub(in crate::hub::history) fn confirm(&mut self, epoch: u64, top: u64, began: Instant) {
        let last = self.sequencer.last();
        if last.is_some_and(|last| last.epoch == epoch && last.offset >= top) {
            self.confirmed = self.confirmed.max(Some(began));
        }
    }

    pub(in crate::hub::history) fn key(&self) -> StreamKey {
        self.key
    }

    /// Whether sockets must not resume now.
    pub(in crate::hub::history) fn is_open(&self) -> bool {
        self.sequencer.is_open()
    }

    /// Whether nothing is under way, so that the lane may be forgotten.
    pub(in crate::hub::history) fn is_idle(&self, now: Instant) -> bool {
        self.sequencer.is_idle(now)
            && self.settling.is_empty()
            && self.catching.waiting.is_empty()
            && !self.catching.is_reading
    }
}
