//! The highest place that was confirmed, which exposes a server that has lost confirmed entries.

use crate::sync::Mutex;

/// The highest place of a message that the server has stored, and its epoch.
#[derive(Debug, Default)]
pub(super) struct Highest(Mutex<(u64, u64)>);

impl Highest {
    pub(super) fn reach(&self, epoch: u64, sequence: u64) {
        let mut highest = self.0.lock();
        if highest.0 != epoch {
            *highest = (epoch, 0);
        }
        highest.1 = highest.1.max(sequence);
    }

    /// Returns the highest place of an epoch, or 0.
    pub(super) fn of(&self, epoch: u64) -> u64 {
        let highest = self.0.lock();
        if highest.0 == epoch { highest.1 } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_place_is_one_of_its_epoch() {
        let highest = Highest::default();
        highest.reach(1, 8);
        highest.reach(1, 5);
        assert_eq!((highest.of(1), highest.of(2)), (8, 0));
        highest.reach(2, 3);
        assert_eq!((highest.of(1), highest.of(2)), (0, 3));
    }
}
