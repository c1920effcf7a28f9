//! When to ping a quiet peer and when to give it up, as a function of the instants passed in.

use std::time::Duration;

use tokio::time::Instant;

/// The heartbeat of one socket.
///
/// A peer that completes no frame for a ping interval is pinged. If it completes none within the pong
/// timeout after that either, it is dead. A part of a frame does not count, so a peer cannot stay
/// alive on single bytes.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    ping_at: Instant,
    /// Set from a ping until the next complete frame; stale while paused.
    dead_at: Option<Instant>,
    paused: bool,
}

/// How long a heartbeat waits. Passed in, because it is the same for all sockets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waits {
    pub(crate) ping_interval: Duration,
    pub(crate) pong_timeout: Duration,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Send a ping now, then poll again.
    Ping,
    /// The peer did not answer in time.
    Dead,
    /// Nothing before this instant, unless a frame comes.
    Wait(Instant),
}

impl Heartbeat {
    /// Starts with a peer whose last frame came at `now`.
    pub(crate) fn new(now: Instant, waits: Waits) -> Self {
        Self {
            ping_at: later(now, waits.ping_interval),
            dead_at: None,
            paused: false,
        }
    }

    /// Notes a complete frame of any kind, a fragment of a message included. During a pause the frame may
    /// have been sent long ago, so it does not put the next ping off.
    pub(crate) fn frame_received(&mut self, now: Instant, waits: Waits) {
        self.dead_at = None;
        if !self.paused {
            self.ping_at = later(now, waits.ping_interval);
        }
    }

    /// Suspends the pong deadline while we do not read.
    ///
    /// Pings still go out, so that writing shows whether the connection is lost.
    pub(crate) fn pause(&mut self) {
        self.paused = true;
    }

    /// Ends a pause, once all is read that arrived meanwhile. A peer that owes an answer gets the whole
    /// pong timeout for it.
    pub(crate) fn resume(&mut self, now: Instant, waits: Waits) {
        if !self.paused {
            return;
        }
        self.paused = false;
        self.dead_at = self.dead_at.map(|_| later(now, waits.pong_timeout));
    }

    /// Returns what is due at `now`.
    pub(crate) fn poll(&mut self, now: Instant, waits: Waits) -> Action {
        match self.dead_at {
            Some(dead_at) if !self.paused && now >= dead_at => Action::Dead,
            Some(dead_at) if !self.paused => Action::Wait(dead_at),
            _ if now >= self.ping_at => {
                self.ping_at = later(now, waits.ping_interval);
                self.dead_at = Some(later(now, waits.pong_timeout));
                Action::Ping
            }
            _ => Action::Wait(self.ping_at),
        }
    }
}

/// Returns `now + wait`, or an instant years away if the sum cannot be represented.
fn later(now: Instant, wait: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

    now.checked_add(wait).unwrap_or_else(|| now + FAR)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAITS: Waits = Waits {
        ping_interval: Duration::from_secs(25),
        pong_timeout: Duration::from_secs(10),
    };

    /// What happens to the heartbeat, and what a poll then has to answer.
    enum Step {
        Frame,
        Pause,
        Resume,
        Ping,
        Dead,
        WaitUntil(u64),
    }
    use Step::{Dead, Frame, Pause, Ping, Resume, WaitUntil};

    /// Plays `steps`, each at its second, against [`WAITS`].
    fn play(steps: &[(u64, Step)]) {
        let start = Instant::now();
        let at = |second: u64| start + Duration::from_secs(second);
        let mut heartbeat = Heartbeat::new(start, WAITS);
        for (second, step) in steps {
            let now = at(*second);
            match step {
                Frame => heartbeat.frame_received(now, WAITS),
                Pause => heartbeat.pause(),
                Resume => heartbeat.resume(now, WAITS),
                Ping => assert_eq!(heartbeat.poll(now, WAITS), Action::Ping, "at {second} s"),
                Dead => assert_eq!(heartbeat.poll(now, WAITS), Action::Dead, "at {second} s"),
                WaitUntil(until) => {
                    assert_eq!(
                        heartbeat.poll(now, WAITS),
                        Action::Wait(at(*until)),
                        "at {second} s"
                    );
                }
            }
        }
    }

    #[test]
    fn a_quiet_peer_is_pinged_and_then_dead() {
        play(&[
            (0, WaitUntil(25)),
            (24, WaitUntil(25)),
            (25, Ping),
            (25, WaitUntil(35)),
            (34, WaitUntil(35)),
            (35, Dead),
            (36, Dead),
        ]);
    }

    #[test]
    fn each_frame_starts_the_interval_anew() {
        play(&[
            (10, Frame),
            (10, WaitUntil(35)),
            (30, Frame),
            (35, WaitUntil(55)),
            (55, Ping),
        ]);
    }

    #[test]
    fn a_frame_after_the_ping_keeps_the_peer() {
        play(&[
            (25, Ping),
            (34, Frame),
            (35, WaitUntil(59)),
            (59, Ping),
            (69, Dead),
        ]);
    }

    #[test]
    fn one_ping_is_sent_for_one_silence() {
        play(&[(25, Ping), (26, WaitUntil(35)), (30, WaitUntil(35))]);
    }

    #[test]
    fn a_late_poll_still_grants_the_whole_timeout() {
        play(&[(100, Ping), (100, WaitUntil(110)), (110, Dead)]);
    }

    #[test]
    fn a_paused_peer_is_pinged_once_an_interval_and_never_dead() {
        play(&[
            (1, Pause),
            (24, WaitUntil(25)),
            (25, Ping),
            (25, WaitUntil(50)),
            (49, WaitUntil(50)),
            (50, Ping),
            (51, WaitUntil(75)),
            (500, Ping),
            (500, WaitUntil(525)),
        ]);
    }

    #[test]
    fn resuming_grants_a_whole_pong_timeout() {
        play(&[
            (25, Ping),
            (34, Pause),
            (40, WaitUntil(50)),
            (50, Ping),
            (100, Resume),
            (100, WaitUntil(110)),
            (109, WaitUntil(110)),
            (110, Dead),
        ]);
    }

    #[test]
    fn resuming_without_an_open_ping_owes_nothing() {
        play(&[(5, Pause), (20, Resume), (20, WaitUntil(25)), (25, Ping)]);
    }

    #[test]
    fn frames_parsed_during_a_pause_count() {
        play(&[
            (25, Ping),
            (26, Pause),
            (27, Frame),
            (40, Resume),
            (40, WaitUntil(50)),
        ]);
    }

    #[test]
    fn frames_of_a_backlog_put_no_ping_off() {
        play(&[
            (1, Pause),
            (24, Frame),
            (25, Ping),
            (26, Frame),
            (49, Frame),
            (50, Ping),
            (55, Frame),
            (60, Resume),
            (60, WaitUntil(75)),
            (75, Ping),
            (85, Dead),
        ]);
    }

    #[test]
    fn resuming_twice_extends_nothing() {
        play(&[
            (25, Ping),
            (26, Pause),
            (30, Resume),
            (35, Resume),
            (35, WaitUntil(40)),
        ]);
    }

    #[test]
    fn a_boundless_interval_never_pings() {
        let now = Instant::now();
        let waits = Waits {
            ping_interval: Duration::MAX,
            pong_timeout: Duration::MAX,
        };
        let mut heartbeat = Heartbeat::new(now, waits);
        assert!(matches!(heartbeat.poll(now, waits), Action::Wait(at) if at > now));
    }
}
