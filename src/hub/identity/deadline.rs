//! The end of an identity, by time and by the clock.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// When an identity ends: after a time, or at a time of the clock if that comes first.
///
/// The two part when the clock is set, and when the machine sleeps, which stops the one but not the
/// other. The earlier one holds: the application vouched for the identity no longer than that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    at: Instant,
    clock: Option<SystemTime>,
}

impl Deadline {
    /// Makes a deadline after a time, or `None` if no clock can name its end.
    pub(super) fn after(time: Duration) -> Option<Self> {
        let at = Instant::now().checked_add(time)?;
        Some(Self { at, clock: None })
    }

    /// Makes a deadline at a time of the clock, or `None` if that is later than any instant.
    pub(super) fn at(clock: SystemTime) -> Option<Self> {
        let left = clock.duration_since(SystemTime::now());
        let clock = Some(clock);
        let deadline = Self::after(left.unwrap_or_default())?;
        Some(Self { clock, ..deadline })
    }

    /// Returns the instant, as the clock stands now.
    pub(in crate::hub) fn instant(&self) -> Instant {
        match self.clock {
            Some(clock) => self.instant_at(clock, Instant::now(), SystemTime::now()),
            None => self.at,
        }
    }

    fn instant_at(&self, clock: SystemTime, now: Instant, time: SystemTime) -> Instant {
        let by_clock = match clock.duration_since(time) {
            Ok(left) => now.checked_add(left).unwrap_or(self.at),
            Err(past) => now.checked_sub(past.duration()).unwrap_or(now),
        };
        // Clocks are always adjusted a little.
        let is_earlier = self.at.saturating_duration_since(by_clock) > SLACK;
        if is_earlier { by_clock } else { self.at }
    }
}

const SLACK: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earlier_of_clock_and_time_holds() {
        let hour = Duration::from_secs(60 * 60);
        let (start, noon) = (
            Instant::now() + 2 * hour,
            SystemTime::UNIX_EPOCH + 100 * hour,
        );
        let deadline = Deadline {
            at: start + hour,
            clock: Some(noon + hour),
        };
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        // So long after the start, by each; when it is to end, in minutes after the start.
        for (passed, by_clock, end) in [
            (minutes(0), minutes(0), 60),
            (minutes(20), minutes(20), 60),
            // An adjustment.
            (minutes(20), minutes(20) + Duration::from_millis(900), 60),
            // The clock was set forward, or the machine slept.
            (minutes(20), minutes(50), 30),
            (minutes(20), minutes(60), 20),
            (minutes(20), minutes(70), 10),
            // It was set back, which gives no more time.
            (minutes(20), minutes(0), 60),
        ] {
            let instant = deadline.instant_at(noon + hour, start + passed, noon + by_clock);
            assert_eq!(instant, start + minutes(end), "{passed:?} {by_clock:?}");
        }
        // Before the machine started.
        let past = SystemTime::UNIX_EPOCH + 10_000_000 * hour;
        let now = Instant::now();
        assert!(deadline.instant_at(noon, now, past) <= now);
    }
}
