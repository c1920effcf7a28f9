//! The time after which clients are told to try again, a random one, so that they do not all return at
//! the same moment.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

/// Returns a random number of seconds for a `Retry-After`, from 1 to `within`, or to 5 if that is more.
pub(super) fn random_retry(within: u64) -> u64 {
    // The keys of a `RandomState` are random, and others each time.
    1 + RandomState::new().hash_one("retry") % within.max(SHORTEST)
}

/// Returns a time in seconds, rounded up.
pub(super) fn whole_seconds(time: Duration) -> u64 {
    let part = u64::from(time.subsec_nanos() > 0);
    time.as_secs().saturating_add(part)
}

/// The least that the longest time is, in seconds: what is overloaded or ends needs a moment.
const SHORTEST: u64 = 5;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_time_within_the_window_comes_and_no_other() {
        for (within, longest) in [(0, 5), (5, 5), (8, 8)] {
            let seen: BTreeSet<_> = (0..2_000).map(|_| random_retry(within)).collect();
            assert_eq!(seen, (1..=longest).collect());
        }
    }

    #[test]
    fn a_part_of_a_second_counts_as_one() {
        for (milliseconds, seconds) in [(0, 0), (1, 1), (1_000, 1), (1_001, 2)] {
            assert_eq!(whole_seconds(Duration::from_millis(milliseconds)), seconds);
        }
        assert_eq!(whole_seconds(Duration::MAX), u64::MAX);
    }
}
