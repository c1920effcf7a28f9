//! Random numbers: epochs, and names of processes.

use std::hash::{BuildHasher, RandomState};

/// Returns a random number that is not 0.
pub(super) fn random() -> u64 {
    // The keys of a `RandomState` are random.
    RandomState::new().hash_one("number").max(1)
}
