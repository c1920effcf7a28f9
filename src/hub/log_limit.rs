//! A limit on the log lines that clients can cause.

use std::{collections::HashMap, hash::Hash, mem, num::NonZeroU64, time::Duration};

use tokio::time::Instant;

use crate::sync::Mutex;

/// Passes one line of each kind per interval (1 s by default), so a client cannot flood the log or hide other
/// problems in it.
#[derive(Debug)]
pub(crate) struct LogLimit<K> {
    kinds: Mutex<HashMap<K, Passed>>,
    interval: Duration,
}

#[derive(Debug, Default)]
struct Passed {
    last: Option<Instant>,
    suppressed: u64,
}

impl<K> LogLimit<K> {
    /// Passes one line of each kind in this time.
    pub(crate) fn every(interval: Duration) -> Self {
        Self {
            kinds: Mutex::new(HashMap::new()),
            interval,
        }
    }
}

impl<K: Eq + Hash> LogLimit<K> {
    /// Returns the number of lines of this kind that were left out since the last one, if there are any and
    /// this one may be written.
    pub(crate) fn pass(&self, kind: K) -> Option<Option<NonZeroU64>> {
        let mut kinds = self.kinds.lock();
        let passed = kinds.entry(kind).or_default();
        let now = Instant::now();
        if passed.last.is_some_and(|last| now < last + self.interval) {
            passed.suppressed += 1;
            return None;
        }
        passed.last = Some(now);
        Some(NonZeroU64::new(mem::take(&mut passed.suppressed)))
    }
}

impl<K> Default for LogLimit<K> {
    fn default() -> Self {
        Self::every(INTERVAL)
    }
}

const INTERVAL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn lines_left_out_are_counted() {
        let limit = LogLimit::default();
        assert_eq!(limit.pass("one"), Some(None));
        assert_eq!((limit.pass("one"), limit.pass("one")), (None, None));
        assert_eq!(limit.pass("other"), Some(None));
        tokio::time::advance(INTERVAL).await;
        assert_eq!(limit.pass("one"), Some(NonZeroU64::new(2)));
    }
}
