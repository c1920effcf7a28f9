//! The entries that the server has not confirmed yet.

use std::collections::HashMap;

use tokio::sync::oneshot;

use super::api::Failure;

/// What the server has said of an entry.
#[derive(Debug)]
pub(super) struct Confirmed {
    /// Where it is, or why it is nowhere.
    pub(super) sequence: Result<u64, Failure>,
    /// The epoch and the place of the entry before it, unless it was stored earlier.
    pub(super) before: Option<(u64, u64)>,
}

/// The entries by their numbers. What the server stores it says first, and then it confirms.
#[derive(Debug, Default)]
pub(super) struct Pending(HashMap<u64, Waiting>);

#[derive(Debug)]
struct Waiting {
    before: Option<(u64, u64)>,
    answer: oneshot::Sender<Confirmed>,
}

impl Pending {
    pub(super) fn add(&mut self, number: u64) -> oneshot::Receiver<Confirmed> {
        let (answer, confirmed) = oneshot::channel();
        let before = None;
        self.0.insert(number, Waiting { before, answer });
        confirmed
    }

    pub(super) fn stored(&mut self, number: u64, epoch: u64, before: u64) {
        if let Some(waiting) = self.0.get_mut(&number) {
            waiting.before = Some((epoch, before));
        }
    }

    pub(super) fn confirmed(&mut self, number: u64, sequence: Result<u64, Failure>) {
        if let Some(waiting) = self.0.remove(&number) {
            let before = waiting.before;
            // The batch may have been given up.
            _ = waiting.answer.send(Confirmed { sequence, before });
        }
    }
}
