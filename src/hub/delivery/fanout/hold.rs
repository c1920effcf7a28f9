//! Holds the next batch for messages that are about to come.

use tokio::time::{Duration, Instant};

/// A hold of the next batch for what publishers are about to say, since a batch costs as many calls
/// with one message as with many.
///
/// Publishers that send the next message when one has reached its readers say as much again as the last
/// batch held. Without a hold, some of it would come too late, and they would be two parties forever,
/// each with a part of a batch. Other publishers do not: each hold in vain doubles the number of batches
/// until the next.
#[derive(Debug)]
pub(super) struct Hold {
    /// Which hold this is.
    pub(super) number: u64,
    /// Until when it waits for flushers that were woken.
    until_all_come: Instant,
    /// Until when it waits for messages.
    until: Instant,
    /// It waits for no more once the log ends here; 0 if it waits for none.
    end: u64,
    last: Walk,
    /// How many holds in a row were in vain.
    failures: u32,
    /// How many batches are not held because of that.
    pause: u32,
}

/// The last batch, or the one that is being written.
#[derive(Debug)]
struct Walk {
    begun: Instant,
    took: Duration,
    messages: usize,
}

impl Hold {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            number: 0,
            until_all_come: now,
            until: now,
            end: 0,
            last: Walk {
                begun: now,
                took: Duration::ZERO,
                messages: 0,
            },
            failures: 0,
            pause: 0,
        }
    }

    /// Begins with a message that came into an empty log, which ends here now. The thread that publishes
    /// is through with what it does when the last flusher comes that it woke.
    pub(super) fn begin(&mut self, end: u64) {
        let now = Instant::now();
        self.until_all_come = now + FOR_ONE_THREAD;
        self.wait_for(self.last.messages.saturating_sub(1), now, end);
    }

    /// Notes that a batch of so many messages begins, with the log's end here.
    pub(super) fn batch_begins(&mut self, messages: usize, end: u64) {
        self.last.begun = Instant::now();
        self.last.messages = messages;
        if self.end == 0 {
            return;
        }
        self.failures = if end < self.end {
            (self.failures + 1).min(MOST_FAILURES)
        } else {
            0
        };
        self.pause = (1 << self.failures) - 1;
        self.end = 0;
    }

    /// Notes that the batch is written, and begins if other messages came meanwhile, with which the log
    /// ends here.
    pub(super) fn batch_ends(&mut self, has_open: bool, end: u64) {
        let now = Instant::now();
        self.last.took = now.duration_since(self.last.begun);
        if has_open {
            self.until_all_come = now;
            self.wait_for(self.last.messages, now, end);
        }
    }

    /// Whether it waits for no more messages from here on.
    pub(super) fn ends_at(&self, end: u64) -> bool {
        self.end == end
    }

    /// Returns until when the batch is held, or `None` if it no longer is. `is_flusher_expected`: whether
    /// one was woken and has not come.
    pub(super) fn until(&self, end: u64, is_flusher_expected: bool) -> Option<Instant> {
        let come = is_flusher_expected.then_some(self.until_all_come);
        let said = (end < self.end).then_some(self.until);
        let now = Instant::now();
        come.max(said).filter(|&until| now < until)
    }

    fn wait_for(&mut self, messages: usize, now: Instant, end: u64) {
        self.number += 1;
        self.end = 0;
        if messages == 0 || self.last.took < LONG {
            return;
        }
        if self.pause > 0 {
            self.pause -= 1;
            return;
        }
        self.until = now + (self.last.took / PART).min(MOST);
        self.end = end + messages as u64;
    }
}

/// A thread that publishes and does not come back for so long is not waited for.
const FOR_ONE_THREAD: Duration = if cfg!(all(test, shuttle)) {
    Duration::ZERO
} else {
    Duration::from_millis(1)
};

/// A batch that took less time is followed at once: timers are no more precise.
const LONG: Duration = Duration::from_millis(if cfg!(all(test, shuttle)) {
    u64::MAX
} else {
    2
});

/// The part of a batch's time for which the next one is held, and the most of it.
const PART: u32 = 2;
const MOST: Duration = Duration::from_millis(20);

/// After so many holds in vain one batch in 64 is held.
const MOST_FAILURES: u32 = 6;

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    /// Writes a batch of so many messages, which takes its time, while the log grows to `end`.
    async fn batch(hold: &mut Hold, messages: usize, begin: u64, end: u64) {
        hold.batch_begins(messages, begin);
        advance(Duration::from_millis(40)).await;
        hold.batch_ends(end > begin, end);
    }

    #[tokio::test(start_paused = true)]
    async fn as_many_messages_are_waited_for_as_the_last_batch_had() {
        let mut hold = Hold::new();
        batch(&mut hold, 16, 16, 32).await;
        assert!(hold.until(47, false).is_some());
        assert!(!hold.ends_at(47) && hold.ends_at(48));
        assert_eq!(hold.until(48, false), None);
        batch(&mut hold, 32, 48, 48).await;
        hold.begin(49);
        assert!(hold.until(79, false).is_some());
        assert_eq!(hold.until(80, false), None);
        advance(Duration::from_millis(20)).await;
        assert_eq!(hold.until(79, false), None, "half of the time at most");
    }

    #[tokio::test(start_paused = true)]
    async fn one_message_at_a_time_is_not_held() {
        let mut hold = Hold::new();
        for end in 1..10 {
            hold.begin(end);
            assert_eq!(hold.until(end, false), None);
            batch(&mut hold, 1, end, end).await;
        }
        // But for the thread that publishes, if it is to come back.
        hold.begin(10);
        assert!(hold.until(10, true).is_some());
        advance(FOR_ONE_THREAD).await;
        assert_eq!(hold.until(10, true), None);
    }

    #[tokio::test(start_paused = true)]
    async fn in_vain_it_becomes_rare() {
        let mut hold = Hold::new();
        let mut held = 0;
        for end in (2..2_000).step_by(2) {
            batch(&mut hold, 2, end, end + 2).await;
            held += usize::from(hold.until(end + 2, false).is_some());
        }
        assert!((15..25).contains(&held), "{held} of a thousand");
    }
}
