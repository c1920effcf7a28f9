//! A charge on the hub's bound for bytes that wait outside of its queues.

use std::sync::Arc;

use super::counters::Counters;

/// Bytes that wait outside of the hub's queues and count towards its bound until this is dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    counters: Arc<Counters>,
    bytes: usize,
}

impl Charge {
    pub(super) fn new(counters: Arc<Counters>) -> Self {
        Self { counters, bytes: 0 }
    }

    /// Sets how many bytes wait now.
    pub(crate) fn set(&mut self, bytes: usize) {
        if bytes > self.bytes {
            self.counters.charge(bytes - self.bytes);
        } else {
            self.counters.release(self.bytes - bytes);
        }
        self.bytes = bytes;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_counts_until_it_is_dropped() {
        let counters = Arc::new(Counters::new(1_000));
        let mut one = Charge::new(counters.clone());
        let mut two = Charge::new(counters.clone());
        for (bytes, all) in [(600, 700), (600, 700), (50, 150), (0, 100)] {
            one.set(bytes);
            two.set(100);
            assert_eq!(counters.bytes_queued(), all);
        }
        one.set(901);
        assert!(counters.is_full(0));
        drop(one);
        assert_eq!(counters.bytes_queued(), 100);
        drop(two);
        assert_eq!(counters.bytes_queued(), 0);
    }
}
