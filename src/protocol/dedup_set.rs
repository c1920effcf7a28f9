//! A set of slots, so that no socket gets a broadcast twice.

use crate::protocol::Recipient;

/// The slots that were found during one resolution; kept between broadcasts so that none allocates.
///
/// A slot is in the set if its stamp is the current epoch, so clearing the set is one addition.
#[derive(Debug, Default)]
pub(crate) struct DedupSet {
    epoch: u32,
    stamps: Vec<u32>,
    order: Vec<usize>,
}

impl DedupSet {
    /// Removes every slot.
    pub(super) fn clear(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        if self.epoch == 0 {
            // Stamps of four billion broadcasts ago would count again.
            self.stamps.fill(0);
            self.epoch = 1;
        }
    }

    /// Adds a slot and tells whether it was not in the set before.
    pub(super) fn insert(&mut self, slot: usize) -> bool {
        if slot >= self.stamps.len() {
            self.stamps.resize(slot + 1, 0);
        }
        let stamp = &mut self.stamps[slot];
        std::mem::replace(stamp, self.epoch) != self.epoch
    }

    pub(super) fn contains(&self, slot: usize) -> bool {
        self.stamps.get(slot) == Some(&self.epoch)
    }

    /// Returns the positions of distinct recipients, in a buffer for
    /// [`return_order`](Self::return_order).
    ///
    /// Without it a thousand copies of one large group would cost a thousand walks through the group.
    pub(super) fn take_order(&mut self, recipients: &[Recipient]) -> Vec<usize> {
        let key = |at: usize| (recipients[at].kind, recipients[at].value.as_str());
        let mut order = std::mem::take(&mut self.order);
        order.clear();
        order.extend(0..recipients.len());
        order.sort_unstable_by(|&a, &b| key(a).cmp(&key(b)));
        order.dedup_by(|a, b| key(*a) == key(*b));
        order
    }

    /// Keeps the buffer of [`take_order`](Self::take_order) for the next broadcast.
    pub(super) fn return_order(&mut self, order: Vec<usize>) {
        self.order = order;
    }

    #[cfg(test)]
    pub(super) fn allocated(&self) -> usize {
        self.stamps.capacity() + self.order.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_survives_the_wrap_of_its_epoch() {
        let mut set = DedupSet {
            epoch: u32::MAX - 1,
            ..DedupSet::default()
        };
        for _ in 0..4 {
            set.clear();
            assert!(!set.contains(3));
            assert!(set.insert(3));
            assert!(!set.insert(3));
            assert!(set.contains(3));
        }
    }
}
