//! How fast a socket is read: two token buckets, for frames and for bytes.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    config::{Config, Rate},
    hub::TokenBucket,
};

/// The limits of one socket's rates.
#[derive(Debug)]
pub(super) struct RateLimit {
    frames: Option<TokenBucket>,
    bytes: Option<TokenBucket>,
}

impl RateLimit {
    /// Starts with full buckets; `None` without limits. Boxed, because most sockets have none.
    pub(super) fn new(now: Instant, config: &Config) -> Option<Box<Self>> {
        let bucket = |rate: Option<Rate>| rate.map(|rate| TokenBucket::new(now, rate));
        let (frames, bytes) = (bucket(config.message_rate), bucket(config.byte_rate));
        (frames.is_some() || bytes.is_some()).then(|| Box::new(Self { frames, bytes }))
    }

    pub(super) fn take(&mut self, now: Instant, frames: u64, bytes: usize) {
        if let Some(bucket) = &mut self.frames {
            bucket.take(now, frames);
        }
        if let Some(bucket) = &mut self.bytes {
            bucket.take(now, bytes as u64);
        }
    }

    /// Returns how long the next frame has to wait, if it has to.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        let buckets = [&self.frames, &self.bytes].into_iter().flatten();
        buckets.filter_map(|bucket| bucket.wait(now)).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn milliseconds(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn the_longer_wait_holds() {
        let start = Instant::now();
        let config = Config::new().message_rate(10, 2).byte_rate(1_000, 500);
        let mut rate_limit = RateLimit::new(start, &config).expect("there are limits");
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
            let now = start + milliseconds(at);
            rate_limit.take(now, frames, bytes);
            let expected = (wait > 0).then(|| milliseconds(wait));
            assert_eq!(rate_limit.wait(now), expected, "at {at} ms");
        }
        assert!(RateLimit::new(start, &Config::new()).is_none());
    }
}
