//! The limit on a hub's handshakes per second.

use tokio::time::Instant;

use super::{
    retry::{random_retry, whole_seconds},
    token_bucket::TokenBucket,
};
use crate::{
    config::{Config, Rate},
    sync::Mutex,
};

/// How many handshakes a hub takes per second, and how many questions for the answer to one.
#[derive(Debug)]
pub(super) struct HandshakeRate {
    buckets: Mutex<Buckets>,
    /// The seconds over which those that are refused are spread.
    retry_within: u64,
}

#[derive(Debug)]
struct Buckets {
    handshakes: TokenBucket,
    /// Of the same rate. A question must not use up a handshake, and costs the application as much.
    probes: TokenBucket,
}

/// More clients connect than the hub takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooManyHandshakes {
    /// In how many seconds to try again.
    pub(crate) retry_after: u64,
}

impl HandshakeRate {
    /// Returns `None` if the rate is not limited.
    pub(super) fn new(now: Instant, config: &Config) -> Option<Self> {
        let bucket = |rate: Rate| TokenBucket::new(now, rate);
        config.handshake_rate.map(|rate| Self {
            buckets: Mutex::new(Buckets {
                handshakes: bucket(rate),
                probes: bucket(rate),
            }),
            retry_within: whole_seconds(config.reconnect_window),
        })
    }

    /// Takes the room of a handshake.
    pub(super) fn take(&self, now: Instant) -> Result<(), TooManyHandshakes> {
        let mut buckets = self.buckets.lock();
        self.take_of(&mut buckets.handshakes, now)
    }

    /// Fails if there is no room for a handshake now, or too many clients ask.
    pub(super) fn probe(&self, now: Instant) -> Result<(), TooManyHandshakes> {
        let mut buckets = self.buckets.lock();
        self.check(&buckets.handshakes, now)?;
        self.take_of(&mut buckets.probes, now)
    }

    fn take_of(&self, bucket: &mut TokenBucket, now: Instant) -> Result<(), TooManyHandshakes> {
        self.check(bucket, now)?;
        bucket.take(now, 1);
        Ok(())
    }

    fn check(&self, bucket: &TokenBucket, now: Instant) -> Result<(), TooManyHandshakes> {
        match bucket.wait(now) {
            None => Ok(()),
            Some(_) => Err(TooManyHandshakes {
                retry_after: random_retry(self.retry_within),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use super::*;

    fn rate(now: Instant, config: &Config) -> HandshakeRate {
        HandshakeRate::new(now, config).expect("a rate")
    }

    #[test]
    fn a_burst_is_taken_and_then_so_many_per_second() {
        let start = Instant::now();
        let rate = rate(start, &Config::new().handshake_rate(10, 3));
        let taken = |now| (0..50).filter(|_| rate.take(now).is_ok()).count();
        assert_eq!(taken(start), 3);
        assert_eq!(taken(start + Duration::from_millis(99)), 0);
        assert_eq!(taken(start + Duration::from_millis(200)), 2);
        // What was refused is not owed.
        assert_eq!(taken(start + Duration::from_secs(60)), 3);
        assert!(HandshakeRate::new(start, &Config::new()).is_none());
    }

    #[test]
    fn a_probe_is_answered_as_a_handshake_and_takes_the_room_of_none() {
        let now = Instant::now();
        let rate = rate(now, &Config::new().handshake_rate(1, 5));
        assert_eq!((0..50).filter(|_| rate.probe(now).is_ok()).count(), 5);
        assert_eq!((0..50).filter(|_| rate.take(now).is_ok()).count(), 5);
        let later = now + Duration::from_secs(1);
        assert_eq!(rate.take(later), Ok(()));
        assert!(rate.probe(later).is_err());
    }

    #[test]
    fn those_that_are_refused_are_told_different_times() {
        let now = Instant::now();
        let config = Config::new().handshake_rate(1, 1);
        for (window, longest) in [(20_000, 20), (6_500, 7), (1_000, 5), (0, 5)] {
            let config = config
                .clone()
                .reconnect_window(Duration::from_millis(window));
            let rate = rate(now, &config);
            assert_eq!(rate.take(now), Ok(()));
            let told: BTreeSet<_> = (0..2_000)
                .filter_map(|_| rate.take(now).err())
                .map(|refused| refused.retry_after)
                .collect();
            assert_eq!(told, (1..=longest).collect());
        }
    }
}
