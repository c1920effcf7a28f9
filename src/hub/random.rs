//! Chance, where clients are to be kept from doing the same at the same time.

use std::hash::{BuildHasher, RandomState};

/// Returns a random whole number from 1 to `most`, which is not zero.
pub(super) fn random_up_to(most: u64) -> u64 {
    // The keys of a `RandomState` are random, and others each time.
    1 + RandomState::new().hash_one("part") % most
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::random_up_to;

    #[test]
    fn every_number_comes_and_no_other() {
        let seen: BTreeSet<_> = (0..2_000).map(|_| random_up_to(5)).collect();
        assert_eq!(seen, (1..=5).collect());
        assert_eq!(random_up_to(1), 1);
    }
}
