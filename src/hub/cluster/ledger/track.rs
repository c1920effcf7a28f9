//! One publisher's messages on one topic, as this node has got them.

use std::time::Duration;

use tokio::time::Instant;

/// How many messages are missing, or `None` if that is not known.
pub(super) type Missing = Option<u64>;

/// One publisher's messages on one topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Track {
    /// The highest number that was delivered or reported, once there is a baseline.
    accounted: Option<u64>,
    /// The highest number that was delivered before there was a baseline.
    seen: u64,
    /// Since when a baseline is wanted, and the publisher's tail as it was known then.
    asked: Option<(Instant, u64)>,
    /// The tail of the last heartbeat, which is judged with the next, and when it came.
    unjudged: Option<(u64, Instant)>,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Deliver(Option<Missing>),
    Late,
}

impl Track {
    /// Wants a baseline from now on, unless there is one or it is wanted already.
    pub(super) fn ask(&mut self, now: Instant, tail: u64) {
        if self.accounted.is_none() && self.asked.is_none() {
            self.asked = Some((now, tail));
        }
    }

    pub(super) fn lacks_baseline(&self) -> bool {
        self.accounted.is_none()
    }

    /// Takes a message. `is_confirmed`: the subscription works, so that this may be the baseline.
    pub(super) fn message(&mut self, number: u64, is_confirmed: bool, now: Instant) -> Outcome {
        let before = number.saturating_sub(1);
        match self.accounted {
            None if number <= self.seen => Outcome::Late,
            None if !is_confirmed => {
                self.seen = number;
                Outcome::Deliver(None)
            }
            Some(accounted) if number <= accounted => Outcome::Late,
            _ => {
                let missing = self.account(before, now);
                self.accounted = Some(number);
                Outcome::Deliver(missing)
            }
        }
    }

    /// Takes the publisher's tail, sent in the topic itself.
    pub(super) fn mark(&mut self, tail: u64, is_confirmed: bool, now: Instant) -> Option<Missing> {
        if self.accounted.is_none() && !is_confirmed {
            return None;
        }
        self.account(tail, now)
    }

    /// Takes the tail of a heartbeat.
    pub(super) fn beat(&mut self, tail: u64, now: Instant) -> Option<Missing> {
        let missing = match self.accounted {
            Some(_) => self.judge_in_time(now),
            // Its tail may overtake messages that are to be delivered, so it is no baseline.
            None if self.is_overdue(tail, now) => self.account(tail, now),
            None => {
                self.ask(now, tail);
                None
            }
        };
        self.unjudged = Some((tail, now));
        missing
    }

    /// Takes the tail of a farewell, after which no heartbeat comes.
    pub(super) fn bye(&mut self, tail: u64, now: Instant) -> Option<Missing> {
        let is_overdue = self.accounted.is_none() && self.is_overdue(tail, now);
        let missing = is_overdue.then(|| self.account(tail, now)).flatten();
        self.unjudged = Some((tail, now));
        missing
    }

    /// Judges the last heartbeat, unless it came with this one: after a stall several come at once, and
    /// may overtake what was sent before them.
    fn judge_in_time(&mut self, now: Instant) -> Option<Missing> {
        let (_, since) = self.unjudged?;
        (now >= since + TO_ARRIVE).then(|| self.judge()).flatten()
    }

    /// Takes what the last heartbeat said for what is to have come by now.
    pub(super) fn judge(&mut self) -> Option<Missing> {
        let ((tail, _), accounted) = (self.unjudged.take()?, self.accounted?);
        if tail <= accounted {
            return None;
        }
        self.accounted = Some(tail);
        Some(Some(tail - accounted))
    }

    /// Accounts for everything up to a number. Returns what was missing of it.
    fn account(&mut self, number: u64, now: Instant) -> Option<Missing> {
        let missing = match self.accounted {
            Some(accounted) if number <= accounted => return None,
            Some(accounted) => Some(Some(number - accounted)),
            None => self.is_overdue(number, now).then_some(None),
        };
        self.accounted = Some(number.max(self.seen));
        self.asked = None;
        missing
    }

    /// Whether the baseline is overdue and the tail has moved meanwhile.
    fn is_overdue(&self, tail: u64, now: Instant) -> bool {
        self.asked
            .is_some_and(|(since, known)| now >= since + TWO_BEATS && tail > known)
    }

    #[cfg(test)]
    pub(super) fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    #[cfg(test)]
    pub(super) fn accounted(&self) -> Option<u64> {
        self.accounted
    }
}

const TWO_BEATS: Duration = Duration::from_secs(4);

/// How long messages that were sent before a heartbeat may take after it.
const TO_ARRIVE: Duration = Duration::from_secs(1);
