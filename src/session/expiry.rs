//! The end of an identity: the application is asked to renew it, or the socket closes.

use std::{
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    hub::{Backlog, Principal, Registration},
    session::{HandlerFuture, MessageHandler},
};

/// Asks the application to renew an identity `lead` before its end, and closes the socket of one that
/// has ended. Ready when the identity may have changed or the socket is closing.
pub(super) fn poll_expiry(
    expiry: &mut Option<Box<Expiry>>,
    registration: &Registration,
    handler: &mut dyn MessageHandler,
    lead: Duration,
    cx: &mut Context<'_>,
) -> Poll<()> {
    loop {
        let entry = registration.entry();
        let Some(end) = entry.expires() else {
            *expiry = None;
            return Poll::Pending;
        };
        let now = Instant::now();
        let expiry = match &mut *expiry {
            Some(expiry) if entry.stands(expiry.principal()) => {
                expiry.ends_earlier(now, end, lead);
                expiry
            }
            expiry => expiry.insert(Box::new(Expiry::new(now, entry.principal(), end, lead))),
        };
        match expiry.poll(cx, now) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Due::Renewal) => {
                let renewal = handler.expiring(expiry.principal());
                expiry.asked(renewal);
            }
            Poll::Ready(Due::Answer) => return Poll::Ready(()),
            Poll::Ready(Due::End(since)) => {
                // If this task ran late, the queue may hold messages of a time when no identity
                // covered the socket any more.
                let backlog = if since < LATE {
                    Backlog::Deliver
                } else {
                    Backlog::Discard
                };
                registration.expire(expiry.principal(), backlog);
                return Poll::Ready(());
            }
        }
    }
}

/// The clock of an identity that ends, and the question that the application is asked before.
pub(super) struct Expiry {
    principal: Principal,
    end: Instant,
    /// When to ask; `None` once that is done.
    ask: Option<Instant>,
    renewal: Option<HandlerFuture>,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    /// The application is to be asked for another identity.
    Renewal,
    /// The application has answered: look again.
    Answer,
    /// The identity ended this long ago: close the socket.
    End(Duration),
}

impl Expiry {
    /// Starts for an identity that ends. The application is asked `lead` before, or after half of the time
    /// that is left if that is less: while it decides, the identity still holds.
    fn new(now: Instant, principal: Principal, end: Instant, lead: Duration) -> Self {
        let lead = lead.min(end.duration_since(now) / 2);
        Self {
            principal,
            end,
            ask: Some(end - lead),
            renewal: None,
        }
    }

    /// Notes that the identity ends earlier, because the system clock was set.
    fn ends_earlier(&mut self, now: Instant, end: Instant, lead: Duration) {
        if end < self.end {
            let lead = lead.min(end.saturating_duration_since(now) / 2);
            self.end = end;
            self.ask = self.ask.map(|_| end.checked_sub(lead).unwrap_or(end));
        }
    }

    /// Notes that the application was asked, and its answer to come, if any.
    fn asked(&mut self, renewal: Option<HandlerFuture>) {
        self.ask = None;
        self.renewal = renewal;
    }

    /// Drives the question and returns what is due at `now`.
    fn poll(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<Due> {
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

    fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Returns when something is due next, unless the application answers before.
    pub(super) fn deadline(&self) -> Instant {
        self.ask.unwrap_or(self.end)
    }
}

/// An end noticed this much later counts as late.
const LATE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        config::Config,
        hub::{Hub, Identity, User},
    };

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_was_set_forward_moves_the_question_too() {
        let (start, lead) = (Instant::now(), Duration::from_secs(10));
        let minutes = |minutes: u64| start + Duration::from_secs(60 * minutes);
        let hub = Arc::new(Hub::new(&Config::new()));
        let registration = hub.register(Identity::anonymous(), User::Claimed);
        let principal = registration.expect("room in the hub").entry().principal();
        let mut expiry = Expiry::new(start, principal, minutes(60), lead);
        assert_eq!(expiry.deadline(), minutes(60) - lead);
        expiry.ends_earlier(minutes(20), minutes(30), lead);
        assert_eq!(expiry.deadline(), minutes(30) - lead);
        // A later end is ignored.
        expiry.ends_earlier(minutes(20), minutes(90), lead);
        assert_eq!(expiry.deadline(), minutes(30) - lead);
        // With little time left, the application gets half of it.
        let soon = minutes(20) + lead;
        expiry.ends_earlier(minutes(20), soon, lead);
        assert_eq!(expiry.deadline(), minutes(20) + lead / 2);
        expiry.asked(None);
        expiry.ends_earlier(minutes(20), minutes(20), lead);
        assert_eq!(expiry.deadline(), minutes(20));
    }
}
