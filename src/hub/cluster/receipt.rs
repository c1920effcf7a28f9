//! The receipt of one message on its way to the broker.

use std::{pin::Pin, time::Duration};

use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use crate::{
    protocol::{Forwarded, NotForwarded, Receipt},
    sync::Mutex,
};

/// What becomes of one message that is to be forwarded: settled once.
#[derive(Debug)]
pub(super) struct Ticket {
    stage: Mutex<Stage>,
    settled: Notify,
    /// Until when the message may wait for the broker, and its publisher for the answer.
    deadline: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    /// Handed to the broker's client, which has not answered.
    Sending,
    Settled(Forwarded),
}

impl Ticket {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            stage: Mutex::new(Stage::Waiting),
            settled: Notify::new(),
            deadline: now + MAX_WAIT,
        }
    }

    pub(super) fn is_expired(&self, now: Instant) -> bool {
        now >= self.deadline
    }

    /// Has the message sent now. Returns `false` if it must not be: its publisher was told that it
    /// stays.
    pub(super) fn begin(&self) -> bool {
        self.pass(Stage::Waiting, Stage::Sending)
    }

    /// Says that the message will not be sent.
    pub(super) fn refuse(&self, why: NotForwarded) {
        self.pass(Stage::Waiting, Stage::Settled(Forwarded::No(why)));
    }

    /// Says what has become of a message that was [begun](Self::begin).
    pub(super) fn settle(&self, forwarded: Forwarded) {
        self.pass(Stage::Sending, Stage::Settled(forwarded));
    }

    fn pass(&self, from: Stage, to: Stage) -> bool {
        let mut stage = self.stage.lock();
        if *stage != from {
            return false;
        }
        *stage = to;
        drop(stage);
        if to != Stage::Sending {
            self.settled.notify_waiters();
        }
        true
    }
}

impl Receipt for Ticket {
    fn peek(&self) -> Option<Forwarded> {
        match *self.stage.lock() {
            Stage::Waiting | Stage::Sending => None,
            Stage::Settled(forwarded) => Some(forwarded),
        }
    }

    fn settled(&self) -> Pin<Box<dyn Future<Output = Forwarded> + Send + '_>> {
        Box::pin(async {
            loop {
                let settled = self.settled.notified();
                if let Some(forwarded) = self.peek() {
                    return forwarded;
                }
                if timeout_at(self.deadline, settled).await.is_err() {
                    // One that waits must not be sent any more; one that was sent may have come.
                    self.refuse(NotForwarded::Expired);
                    return self.peek().unwrap_or(Forwarded::Unknown);
                }
            }
        })
    }
}

/// How long a message may wait for the broker; after that it is not sent.
const MAX_WAIT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_that_was_told_to_stay_is_not_sent_any_more() {
        let ticket = Ticket::new(Instant::now());
        assert_eq!(ticket.settled().await, Forwarded::No(NotForwarded::Expired));
        assert!(!ticket.begin());
        ticket.settle(Forwarded::Yes);
        assert_eq!(ticket.peek(), Some(Forwarded::No(NotForwarded::Expired)));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_was_sent_is_unknown_until_it_is_answered() {
        let ticket = Ticket::new(Instant::now());
        assert!(ticket.begin());
        assert_eq!(ticket.settled().await, Forwarded::Unknown);
        ticket.refuse(NotForwarded::Expired);
        ticket.settle(Forwarded::Yes);
        assert_eq!(ticket.settled().await, Forwarded::Yes);
    }
}
