use std::{
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::Instant;

use super::Handling;
use crate::hub::Standing;

/// The clock of an identity that ends, with what the application is asked before.
pub(super) struct Expiry {
    standing: Standing,
    end: Instant,
    /// When to ask; none once that was done.
    ask: Option<Instant>,
    renewal: Option<Handling>,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// To ask the application for another identity.
    Renewal,
    /// To look again: the application has answered.
    Answer,
    /// To close the socket: for so long nobody vouches for it.
    End(Duration),
}

impl Expiry {
    /// Starts for an identity that ends. The application is asked `lead` before, or, where less time
    /// is left, after half of that: while it thinks the identity still holds.
    pub(super) fn new(now: Instant, standing: Standing, end: Instant, lead: Duration) -> Self {
        let lead = lead.min(end.duration_since(now) / 2);
        Self {
            standing,
            end,
            ask: Some(end - lead),
            renewal: None,
        }
    }

    /// Notes that the application was asked; without a renewal it has no say.
    pub(super) fn asked(&mut self, renewal: Option<Handling>) {
        self.ask = None;
        self.renewal = renewal;
    }

    /// Goes on with the question, and tells what is due at `now`.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<Due> {
        if let Some(renewal) = &mut self.renewal {
            if renewal.as_mut().poll(cx).is_ready() {
                self.renewal = None;
                return Poll::Ready(Due::Answer);
            }
        }
        if now >= self.end {
            return Poll::Ready(Due::End(now - self.end));
        }
        if self.ask.is_some_and(|ask| now >= ask) {
            return Poll::Ready(Due::Renewal);
        }
        Poll::Pending
    }

    pub(super) fn standing(&self) -> &Standing {
        &self.standing
    }

    /// When something is due next, unless the application answers before.
    pub(super) fn deadline(&self) -> Instant {
        self.ask.unwrap_or(self.end)
    }
}
