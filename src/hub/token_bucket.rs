//! A token bucket: so many in the long run, and so many at once after a quiet time.

use std::time::Duration;

use tokio::time::Instant;

use crate::config::Rate;

/// A token bucket, kept as the instant at which it is full again.
#[derive(Debug)]
pub(super) struct TokenBucket {
    /// How long one token takes to return.
    interval: Duration,
    /// How long all of them take.
    span: Duration,
    full_at: Instant,
}

impl TokenBucket {
    /// Starts full.
    pub(super) fn new(now: Instant, rate: Rate) -> Self {
        let interval = Duration::from_secs(1) / rate.per_second;
        Self {
            interval,
            span: interval * rate.burst,
            full_at: now,
        }
    }

    /// Takes tokens. One chunk may take more than there are, which delays the next.
    pub(super) fn take(&mut self, now: Instant, tokens: u64) {
        let tokens = u32::try_from(tokens).unwrap_or(u32::MAX);
        let time = self.interval.saturating_mul(tokens);
        let full_at = self.full_at.max(now).checked_add(time);
        self.full_at = full_at.unwrap_or(self.full_at);
    }

    /// Returns how long it takes until there is a token, if there is none.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        let missing = self.full_at.saturating_duration_since(now);
        let wait = missing.saturating_sub(self.span - self.interval);
        (wait > Duration::ZERO).then_some(wait)
    }

    /// Whether no token is missing.
    pub(super) fn is_full(&self, now: Instant) -> bool {
        self.full_at <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn milliseconds(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_burst_is_free_and_then_it_is_one_at_a_time() {
        let start = Instant::now();
        let rate = Rate {
            per_second: 10,
            burst: 3,
        };
        let mut bucket = TokenBucket::new(start, rate);
        // At a time, after so many frames, so long a wait; in milliseconds.
        for (at, frames, wait) in [
            (0, 0, 0),
            (0, 1, 0),
            (0, 1, 0),
            (0, 1, 100),
            (40, 0, 60),
            (100, 0, 0),
            (100, 1, 100),
            (200, 1, 100),
            // A chunk of many: their time is owed.
            (300, 20, 2_000),
            (2_299, 0, 1),
            (2_300, 0, 0),
            (2_300, 1, 100),
            // After a quiet time it is a burst again, and not more.
            (60_000, 2, 0),
            (60_000, 1, 100),
        ] {
            let now = start + milliseconds(at);
            bucket.take(now, frames);
            let expected = (wait > 0).then(|| milliseconds(wait));
            assert_eq!(bucket.wait(now), expected, "at {at} ms");
        }
    }

    #[test]
    fn a_clock_that_stands_still_gives_a_burst_of_one() {
        let now = Instant::now();
        let rate = Rate {
            per_second: 1,
            burst: 1,
        };
        let mut bucket = TokenBucket::new(now, rate);
        assert_eq!(bucket.wait(now), None);
        bucket.take(now, 1);
        assert_eq!(bucket.wait(now), Some(milliseconds(1_000)));
    }

    #[test]
    fn the_largest_numbers_do_no_harm() {
        let now = Instant::now();
        let rate = Rate {
            per_second: u32::MAX,
            burst: u32::MAX,
        };
        let mut bucket = TokenBucket::new(now, rate);
        bucket.take(now, u64::MAX);
        assert_eq!(bucket.wait(now), None);
        let slow = Rate {
            per_second: 1,
            burst: u32::MAX,
        };
        let mut bucket = TokenBucket::new(now, slow);
        for _ in 0..4 {
            bucket.take(now, u64::MAX);
        }
        assert!(bucket.wait(now).is_some());
    }
}
