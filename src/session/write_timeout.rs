//! How long the oldest queued frame may wait for the kernel before the peer counts as slow.

use std::time::Duration;

use tokio::time::Instant;

/// The clock of one socket's oldest unwritten frame.
///
/// It starts when a frame becomes the oldest and stops when the kernel has accepted all of it. A part
/// does not count, or a peer that takes single bytes would hold its queue forever.
#[derive(Debug, Default)]
pub(crate) struct WriteTimeout {
    /// Boxed, because most sockets take what they are sent.
    head: Option<Box<Head>>,
}

#[derive(Debug)]
struct Head {
    sequence: u64,
    deadline: Option<Instant>,
}

impl WriteTimeout {
    /// Notes that nothing is queued.
    pub(crate) fn stop(&mut self) {
        self.head = None;
    }

    /// Notes the sequence number and the length in bytes of the oldest unwritten frame, of which a short
    /// one may take `write_timeout`.
    pub(crate) fn observe(
        &mut self,
        now: Instant,
        (sequence, length): (u64, usize),
        write_timeout: Duration,
    ) {
        if (self.head.as_ref()).is_some_and(|head| head.sequence == sequence) {
            return;
        }
        self.head = Some(Box::new(Head {
            sequence,
            deadline: now.checked_add(allowance(length, write_timeout)),
        }));
    }

    /// Returns when the peer counts as slow; `None` while nothing is queued.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.head.as_ref().and_then(|head| head.deadline)
    }
}

fn allowance(length: usize, write_timeout: Duration) -> Duration {
    if length <= LARGE {
        return write_timeout;
    }
    let extra = Duration::from_secs_f64(length as f64 / f64::from(PACE));
    write_timeout.saturating_add(extra)
}

/// Frames up to this length get no more than the write timeout itself.
const LARGE: usize = 64 * 1024;

/// The slowest pace, in bytes per second, that is still progress on a large frame.
const PACE: u32 = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(5);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_time_allowed_grows_with_large_frames_only() {
        for (length, allowed) in [
            (0, seconds(5)),
            (150, seconds(5)),
            (64 * 1024, seconds(5)),
            (80 * 1024, seconds(5 + 5)),
            (1024 * 1024, seconds(5 + 64)),
        ] {
            let now = Instant::now();
            let mut clock = WriteTimeout::default();
            clock.observe(now, (1, length), TIMEOUT);
            assert_eq!(clock.deadline(), Some(now + allowed), "{length} bytes");
        }
    }

    #[test]
    fn an_empty_queue_has_no_deadline() {
        let now = Instant::now();
        let mut clock = WriteTimeout::default();
        assert_eq!(clock.deadline(), None);
        clock.observe(now, (1, 10), TIMEOUT);
        clock.stop();
        assert_eq!(clock.deadline(), None);
    }

    #[test]
    fn the_same_head_keeps_its_deadline() {
        let now = Instant::now();
        let mut clock = WriteTimeout::default();
        for waited in 0..5 {
            clock.observe(now + seconds(waited), (7, 10), TIMEOUT);
            assert_eq!(clock.deadline(), Some(now + TIMEOUT));
        }
    }

    #[test]
    fn a_new_head_starts_the_time_anew() {
        let now = Instant::now();
        let mut clock = WriteTimeout::default();
        clock.observe(now, (7, 10), TIMEOUT);
        clock.observe(now + seconds(4), (8, 10), TIMEOUT);
        assert_eq!(clock.deadline(), Some(now + seconds(9)));
    }

    #[test]
    fn a_head_after_an_empty_queue_starts_the_time_anew() {
        let now = Instant::now();
        let mut clock = WriteTimeout::default();
        clock.observe(now, (7, 10), TIMEOUT);
        clock.stop();
        clock.observe(now + seconds(60), (8, 10), TIMEOUT);
        assert_eq!(clock.deadline(), Some(now + seconds(65)));
    }

    #[test]
    fn a_boundless_timeout_has_no_deadline() {
        let now = Instant::now();
        let mut clock = WriteTimeout::default();
        clock.observe(now, (1, 1024 * 1024), Duration::MAX);
        assert_eq!(clock.deadline(), None);
    }
}
