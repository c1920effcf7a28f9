//! A pair of token buckets, one for frames and one for bytes, where they are limited.

use std::time::Duration;

use tokio::time::Instant;

use super::token_bucket::TokenBucket;
use crate::config::Rate;

/// What may be sent: a token bucket for frames and one for bytes, where they are limited.
#[derive(Debug)]
pub(crate) struct TokenBuckets {
    frames: Option<TokenBucket>,
    bytes: Option<TokenBucket>,
}

impl TokenBuckets {
    /// Starts with full buckets; `None` without limits.
    pub(crate) fn new(now: Instant, frames: Option<Rate>, bytes: Option<Rate>) -> Option<Self> {
        let bucket = |rate: Option<Rate>| rate.map(|rate| TokenBucket::new(now, rate));
        let (frames, bytes) = (bucket(frames), bucket(bytes));
        (frames.is_some() || bytes.is_some()).then_some(Self { frames, bytes })
    }

    pub(crate) fn take(&mut self, now: Instant, frames: u64, bytes: usize) {
        if let Some(bucket) = &mut self.frames {
            bucket.take(now, frames);
        }
        if let Some(bucket) = &mut self.bytes {
            bucket.take(now, bytes as u64);
        }
    }

    /// Returns how long the next frame has to wait, if it has to.
    pub(crate) fn wait(&self, now: Instant) -> Option<Duration> {
        self.limited().filter_map(|bucket| bucket.wait(now)).max()
    }

    /// Whether nothing is owed, so that new buckets would be the same.
    pub(super) fn are_full(&self, now: Instant) -> bool {
        self.limited().all(|bucket| bucket.is_full(now))
    }

    fn limited(&self) -> impl Iterator<Item = &TokenBucket> {
        [&self.frames, &self.bytes].into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_longer_wait_holds() {
        let start = Instant::now();
        let config = Config::new().message_rate(10, 2).byte_rate(1_000, 500);
        let buckets = TokenBuckets::new(start, config.message_rate, config.byte_rate);
        let mut buckets = buckets.expect("there are limits");
        // At a time, after so many frames of so many bytes together, so long a wait; in milliseconds.
        for (at, frames, bytes, wait) in [
            (0, 1, 100, 0),
            (0, 1, 100, 100),
            (100, 0, 200, 0),
            (100, 0, 200, 1),
            (200, 1, 1_000, 901),
            (1_101, 0, 0, 0),
            (60_000, 1, 499, 0),
            (60_000, 0, 1, 1),
        ] {
            let now = start + Duration::from_millis(at);
            buckets.take(now, frames, bytes);
            let expected = (wait > 0).then(|| Duration::from_millis(wait));
            assert_eq!(buckets.wait(now), expected, "at {at} ms");
        }
        assert!(TokenBuckets::new(start, None, None).is_none());
    }

    #[test]
    fn they_are_full_once_nothing_is_owed() {
        let start = Instant::now();
        let rate = |per_second| Rate {
            per_second,
            burst: 10,
        };
        let buckets = TokenBuckets::new(start, Some(rate(1)), Some(rate(1_000)));
        let mut buckets = buckets.expect("there are limits");
        assert!(buckets.are_full(start));
        buckets.take(start, 1, 1);
        assert!(!buckets.are_full(start + Duration::from_millis(999)));
        assert!(buckets.are_full(start + Duration::from_secs(1)));
    }
}
