use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Lets one log line pass in a while, so that whoever causes it cannot fill the log.
#[derive(Debug, Default)]
pub(super) struct LogLimit(Mutex<Passed>);

#[derive(Debug, Default)]
struct Passed {
    last: Option<Instant>,
    suppressed: u64,
}

impl LogLimit {
    /// `Some` with the number of lines left out since the last one, if this one may be written.
    pub(super) fn pass(&self) -> Option<u64> {
        let mut passed = self.0.lock();
        let now = Instant::now();
        if passed.last.is_some_and(|last| now < last + INTERVAL) {
            passed.suppressed += 1;
            return None;
        }
        passed.last = Some(now);
        Some(std::mem::take(&mut passed.suppressed))
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
