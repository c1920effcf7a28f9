//! Knows whether a socket has work in hand: a shutdown waits for its end before it closes the socket.

use crate::sync::atomic::{
    AtomicU8,
    Ordering::{AcqRel, Relaxed},
};

/// Whether a socket has work in hand, and whether it is to leave once that is done.
///
/// Shared by the socket's session and a shutdown: exactly one of the two finds that the socket can be
/// closed.
#[derive(Debug)]
pub(super) struct Occupation(AtomicU8);

impl Occupation {
    /// Begins as busy: a socket that is opening is not closed before it is open.
    pub(super) fn new() -> Self {
        Self(AtomicU8::new(BUSY))
    }

    /// Whether there is work in hand, as far as the session has said.
    pub(super) fn is_busy(&self) -> bool {
        self.0.load(Relaxed) & BUSY != 0
    }

    /// Notes that there is work in hand from now on.
    pub(super) fn begin(&self) {
        self.0.fetch_or(BUSY, AcqRel);
    }

    /// Notes that all work is done. Returns whether the socket is to be closed now.
    pub(super) fn end(&self) -> bool {
        self.0.fetch_and(!BUSY, AcqRel) & LEAVING != 0
    }

    /// Asks the socket to leave. Returns whether it is to be closed now; otherwise
    /// [`end`](Self::end) will say so.
    pub(super) fn ask_to_leave(&self) -> bool {
        self.0.fetch_or(LEAVING, AcqRel) & BUSY == 0
    }
}

const BUSY: u8 = 1;
const LEAVING: u8 = 2;

#[cfg(test)]
mod tests {
    use super::Occupation;

    #[test]
    fn a_socket_without_work_leaves_when_it_is_asked() {
        let occupation = Occupation::new();
        assert!(!occupation.end());
        assert!(occupation.ask_to_leave());
    }

    #[test]
    fn a_busy_socket_leaves_when_its_work_is_done() {
        for opens in [true, false] {
            let occupation = Occupation::new();
            if !opens {
                assert!(!occupation.end());
                occupation.begin();
            }
            assert!(!occupation.ask_to_leave());
            assert!(!occupation.ask_to_leave());
            assert!(occupation.end());
        }
    }
}
