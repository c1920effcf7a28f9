//! The waits between attempts to open a link, and what the log says of them.

use std::{
    hash::{BuildHasher, RandomState},
    mem,
    num::NonZeroU64,
    time::Duration,
};

use tokio::time::Instant;

/// The waits: none after a link that lasted, else a random time that grows to 1.5 s.
#[derive(Debug)]
pub(crate) struct Backoff {
    /// What the link leads to.
    server: &'static str,
    /// What there is while there is no link.
    meanwhile: &'static str,
    /// The longest that the next wait may be.
    limit: Duration,
    warned: Option<Instant>,
    suppressed: u64,
}

impl Backoff {
    pub(crate) fn new(server: &'static str, meanwhile: &'static str) -> Self {
        Self {
            server,
            meanwhile,
            limit: Duration::ZERO,
            warned: None,
            suppressed: 0,
        }
    }

    /// Returns a random part of the limit.
    pub(crate) fn wait(&self) -> Duration {
        // The keys of a `RandomState` are random.
        let part = RandomState::new().hash_one("wait") % 1_000;
        self.limit * part as u32 / 1_000
    }

    pub(crate) fn failed(&mut self, why: &str) {
        self.limit = (self.limit * 2).clamp(FIRST_LIMIT, LAST_LIMIT);
        self.warn(why);
    }

    /// Has the next attempt made at once, unless links do not last: then what is wrong may be what a link
    /// is used for, and the log says so. Returns whether it is.
    pub(crate) fn ended(&mut self, since: Instant, why: &str) -> bool {
        tracing::debug!(why, "the link to {} is over", self.server);
        let lasted = since.elapsed() >= LAST_LIMIT;
        if lasted {
            self.limit = Duration::ZERO;
        } else {
            self.failed(why);
        }
        lasted
    }

    /// Says once a minute why there is no link.
    fn warn(&mut self, why: &str) {
        let now = Instant::now();
        if self
            .warned
            .is_some_and(|last| now < last + BETWEEN_WARNINGS)
        {
            self.suppressed += 1;
            return;
        }
        self.warned = Some(now);
        let suppressed = NonZeroU64::new(mem::take(&mut self.suppressed));
        let why = one_line(why);
        tracing::warn!(
            suppressed,
            "there is no link to {}, so {}; trying again for as long as it takes: {why}",
            self.server,
            self.meanwhile
        );
    }
}

/// Joins the lines of a text: those of clients of brokers may have several.
fn one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim);
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    lines.join("; ")
}

const FIRST_LIMIT: Duration = Duration::from_millis(100);
const LAST_LIMIT: Duration = Duration::from_millis(1_500);
const BETWEEN_WARNINGS: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_says_why_on_one_line() {
        let error = "redis://h did not open a session: Parse error at 0\nUnexpected `H`\n\n  Expected `+`\r\n";
        let expected =
            "redis://h did not open a session: Parse error at 0; Unexpected `H`; Expected `+`";
        assert_eq!(one_line(error), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_attempt_after_a_link_that_lasted_is_made_at_once() {
        let mut backoff = Backoff::new("a server", "nothing is sent");
        assert_eq!(backoff.wait(), Duration::ZERO);
        let since = Instant::now();
        for _ in 0..10 {
            backoff.failed("no");
            assert!(backoff.wait() < LAST_LIMIT);
        }
        assert_eq!(backoff.limit, LAST_LIMIT);
        tokio::time::advance(LAST_LIMIT).await;
        assert!(backoff.ended(since, "killed"));
        assert_eq!(backoff.wait(), Duration::ZERO);
        assert!(!backoff.ended(Instant::now(), "killed at once"));
        assert_eq!(backoff.limit, FIRST_LIMIT);
    }
}
