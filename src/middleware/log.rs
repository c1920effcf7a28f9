use std::{
    fmt::{self, Display, Write},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::Instant;

/// Lets one log line pass in a while, so that whoever causes it cannot fill the log.
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
        Some(std::mem::take(&mut passed.suppressed))
    }
}

/// Shows a text on one line of the log, with escapes for what would begin another or steer a
/// terminal: applications repeat in their errors what visitors say.
pub(super) struct OneLine<T>(pub(super) T);

impl<T: Display> Display for OneLine<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

struct Escaping<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.split_inclusive(is_control) {
            let plain = part.trim_end_matches(is_control);
            self.0.write_str(plain)?;
            part[plain.len()..].escape_debug().fmt(self.0)?;
        }
        Ok(())
    }
}

/// Unicode's line and paragraph separators end a line for some readers, too.
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
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

    #[test]
    fn a_text_stays_on_its_line() {
        for (text, shown) in [
            ("no room \"Zoë\"", "no room \"Zoë\""),
            ("a\nERROR b\r\n", "a\\nERROR b\\r\\n"),
            ("\u{1b}[2J\u{9b}\u{2028}", "\\u{1b}[2J\\u{9b}\\u{2028}"),
            ("", ""),
        ] {
            assert_eq!(OneLine(text).to_string(), shown);
        }
    }
}
