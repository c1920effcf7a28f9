//! The partitions that this node is subscribed to: those that have a member here, and for a while those
//! that had one.

use std::time::Duration;

use tokio::time::Instant;

use crate::backplane::Topic;

/// The partitions that this node is subscribed to.
#[derive(Debug)]
pub(super) struct Interest {
    /// One bit for each partition.
    subscribed: u64,
    /// When a subscription without members ends.
    until: [Option<Instant>; Topic::PARTITIONS as usize],
}

/// Partitions, one bit for each, whose subscription changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) subscribe: u64,
    pub(super) unsubscribe: u64,
}

impl Interest {
    /// Takes the partitions that have members now.
    pub(super) fn update(&mut self, wanted: u64, now: Instant) -> Change {
        let mut change = Change {
            subscribe: wanted & !self.subscribed,
            unsubscribe: 0,
        };
        self.subscribed |= wanted;
        for (at, until) in self.until.iter_mut().enumerate() {
            let bit = 1 << at;
            if self.subscribed & bit == 0 || wanted & bit != 0 {
                *until = None;
            } else if now >= *until.get_or_insert(now + LINGER) {
                *until = None;
                change.unsubscribe |= bit;
            }
        }
        self.subscribed &= !change.unsubscribe;
        change
    }

    pub(super) fn subscribed(&self) -> u64 {
        self.subscribed
    }
}

impl Default for Interest {
    fn default() -> Self {
        Self {
            subscribed: 0,
            until: [None; Topic::PARTITIONS as usize],
        }
    }
}

/// How long a subscription stays without members: a reload of a page costs none.
const LINGER: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_lingers_after_its_last_member() {
        let mut interest = Interest::default();
        let start = Instant::now();
        let change = |subscribe, unsubscribe| Change {
            subscribe,
            unsubscribe,
        };
        let at = |seconds| start + Duration::from_secs(seconds);
        for (seconds, wanted, expected) in [
            (0, 0b011, change(0b011, 0)),
            (1, 0b110, change(0b100, 0)),
            (30, 0b110, change(0, 0)),
            (31, 0b110, change(0, 0b001)),
            (40, 0b010, change(0, 0)),
            (69, 0b110, change(0, 0)),
            (80, 0b010, change(0, 0)),
            (109, 0b010, change(0, 0)),
            (110, 0b010, change(0, 0b100)),
            (111, 0b111, change(0b101, 0)),
        ] {
            assert_eq!(interest.update(wanted, at(seconds)), expected, "{seconds}");
        }
        assert_eq!(interest.subscribed(), 0b111);
    }
}
