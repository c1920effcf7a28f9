//! Waiting for another program.

use std::{thread, time::Duration};

/// Asks again and again until the answer is yes.
///
/// # Panics
///
/// If it is not within 30 s.
pub(crate) fn wait_until(what: &str, mut ask: impl FnMut() -> bool) {
    for _ in 0..TIMES {
        if ask() {
            return;
        }
        thread::sleep(LOOK_AGAIN);
    }
    panic!("not within 30 s: {what}");
}

const TIMES: u32 = 3_000;
const LOOK_AGAIN: Duration = Duration::from_millis(10);
