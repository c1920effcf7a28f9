//! Keeps what visitors cause from filling the log.

use std::{mem, time::Duration};

use tokio::time::Instant;

use crate::sync::Mutex;

/// Lets one log line pass in a while.
#[derive(Debug, Default)]
pub(crate) struct LogLimit(Mutex<Passed>);

#[derive(Debug, Default)]
struct Passed {
    last: Option<Instant>,
    suppressed: u64,
}

impl LogLimit {
    /// `Some` with the number of lines left out since the last one, if this one may be written.
    pub(crate) fn pass(&self) -> Option<u64> {
        let mut passed = self.0.lock();
        let now = Instant::now();
        if passed.last.is_some_and(|last| now < last + INTERVAL) {
            passed.suppressed += 1;
            return None;
        }
        passed.last = Some(now);
        Some(mem::take(&mut passed.suppressed))
    }
}

const INTERVAL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn lines_left_out_are_counted() {
        let limit = LogLimit::default();
        assert_eq!(limit.pass(), Some(0));
        assert_eq!((limit.pass(), limit.pass()), (None, None));
        tokio::time::advance(INTERVAL).await;
        assert_eq!(limit.pass(), Some(2));
    }
}
