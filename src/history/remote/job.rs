//! An entry on its way into a store.

use tokio::{
    sync::{OwnedSemaphorePermit, oneshot},
    time::Instant,
};

use crate::history::{
    append::{Append, Appended},
    error::{HistoryError, HistoryErrorKind},
};

/// An entry that waits until it is stored.
#[derive(Debug)]
pub(in crate::history) struct Job {
    pub(in crate::history) append: Append,
    /// More than that of each entry of this publisher before, and the same with each attempt.
    pub(in crate::history) number: u64,
    /// Whether an attempt was made over a link that broke.
    pub(in crate::history) was_sent: bool,
    deadline: Instant,
    answer: oneshot::Sender<Result<Appended, HistoryError>>,
    _room: OwnedSemaphorePermit,
}

impl Job {
    pub(super) fn new(
        append: Append,
        deadline: Instant,
        answer: oneshot::Sender<Result<Appended, HistoryError>>,
        room: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            append,
            number: 0,
            was_sent: false,
            deadline,
            answer,
            _room: room,
        }
    }

    pub(super) fn is_late(&self, now: Instant) -> bool {
        self.deadline <= now
    }

    pub(super) fn finish(self, result: Result<Appended, HistoryError>) {
        // The caller may have given up.
        _ = self.answer.send(result);
    }

    /// Ends without an answer of the store.
    pub(super) fn give_up(self, why: &str) {
        let kind = if self.was_sent {
            HistoryErrorKind::Unanswered
        } else {
            HistoryErrorKind::Unreachable
        };
        self.finish(Err(HistoryError::new(kind, why)));
    }
}
