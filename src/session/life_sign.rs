//! When to tell a page that its connection lives, as a function of the instants passed in.

use std::time::Duration;

use tokio::time::Instant;

/// The life signs of one socket.
///
/// A page cannot see pings and pongs. Once it has asked with a message of its own, it gets a life sign
/// whenever no other message was written to it for a while, and need not ask again.
#[derive(Debug, Default)]
pub(super) struct LifeSign {
    /// When to look next; `None` until the page has asked.
    look_at: Option<Instant>,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Send a life sign now, then poll again.
    Send,
    /// Nothing before this instant.
    Wait(Instant),
}

impl LifeSign {
    /// Notes that the page has asked.
    pub(super) fn asked(&mut self, now: Instant) {
        self.look_at.get_or_insert(now + QUIET);
    }

    /// Returns what is due at `now`, or `None` if the page never asked. `told_at`, when a message was last
    /// written, is called only if it matters.
    pub(super) fn poll(
        &mut self,
        now: Instant,
        told_at: impl FnOnce() -> Option<Instant>,
    ) -> Option<Due> {
        let look_at = self.look_at?;
        if now < look_at {
            return Some(Due::Wait(look_at));
        }
        let due = told_at().unwrap_or(now) + QUIET;
        if now < due {
            self.look_at = Some(due);
            return Some(Due::Wait(due));
        }
        self.look_at = Some(now + QUIET);
        Some(Due::Send)
    }
}

/// The browser client asks after 25 s.
const QUIET: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays steps of a time, the last write before it, and what is due then; in seconds.
    fn play(steps: &[(u64, u64, Option<u64>)]) {
        let start = Instant::now();
        let at = |second: u64| start + Duration::from_secs(second);
        let mut life_sign = LifeSign::default();
        life_sign.asked(start);
        for (second, written, wait_until) in steps {
            let due = life_sign.poll(at(*second), || Some(at(*written)));
            let expected = wait_until.map_or(Due::Send, |until| Due::Wait(at(until)));
            assert_eq!(due, Some(expected), "at {second} s");
        }
    }

    #[test]
    fn silence_is_broken_every_twenty_seconds() {
        play(&[
            (0, 0, Some(20)),
            (19, 0, Some(20)),
            (20, 0, None),
            (20, 20, Some(40)),
            (40, 20, None),
        ]);
    }

    #[test]
    fn what_was_written_meanwhile_counts_from_when_it_was() {
        play(&[
            (20, 7, Some(27)),
            (27, 25, Some(45)),
            (45, 45, Some(65)),
            (65, 45, None),
        ]);
    }

    #[test]
    fn a_late_poll_sends_one() {
        play(&[(100, 0, None), (100, 0, Some(120))]);
    }

    #[test]
    fn asking_again_puts_nothing_off() {
        let start = Instant::now();
        let mut life_sign = LifeSign::default();
        life_sign.asked(start);
        life_sign.asked(start + QUIET / 2);
        let due = life_sign.poll(start + QUIET, || Some(start));
        assert_eq!(due, Some(Due::Send));
    }

    #[test]
    fn a_page_that_never_asked_is_told_nothing() {
        let mut life_sign = LifeSign::default();
        let now = Instant::now() + 10 * QUIET;
        assert_eq!(life_sign.poll(now, || unreachable!()), None);
    }
}
