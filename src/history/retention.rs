//! The bounds on what is kept of a stream.

use std::time::Duration;

/// How many entries of a stream are kept, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retention {
    /// How many entries are kept; the oldest go first.
    pub messages: usize,
    /// How long an entry is kept at least; it is gone after twice that.
    pub age: Duration,
}

impl Retention {
    /// Returns how much is kept.
    #[must_use]
    pub fn new(messages: usize, age: Duration) -> Self {
        Self { messages, age }
    }

    /// Returns how long an entry is kept at most, and the epoch of a stream without entries at least:
    /// twice the age, and no more than a year.
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        self.age.saturating_mul(2).min(A_YEAR)
    }
}

const A_YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_twice_the_age_and_can_be_added_to_any_moment() {
        let lifetime = |age| Retention::new(1, age).lifetime();
        assert_eq!(lifetime(Duration::from_secs(300)), Duration::from_secs(600));
        assert_eq!(lifetime(Duration::ZERO), Duration::ZERO);
        assert_eq!(lifetime(Duration::MAX), A_YEAR);
    }
}
