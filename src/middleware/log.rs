//! The middleware's log lines: limited by kind, and each text on one line.

use std::{
    fmt::{self, Display, Write},
    num::NonZeroU64,
};

use http::Uri;

use crate::{hub::LogLimit, protocol::RejectionKind};

/// Limits each kind of log line by itself, so that a flood of one hides no other.
#[derive(Debug, Default)]
pub(super) struct Log(LogLimit<Kind>);

impl Log {
    /// Calls `write` with the number of lines left out since the last of this kind, if any were, at most once
    /// in the interval of [`LogLimit`].
    pub(super) fn write(&self, kind: Kind, write: impl FnOnce(Option<NonZeroU64>)) {
        if let Some(suppressed) = self.0.pass(kind) {
            write(suppressed);
        }
    }
}

/// The kinds of log line: few, however many clients cause them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Refused(RejectionKind),
    IdentifyPanicked,
    IdentifyExceeded,
    NoUpgrades,
    NoHandover,
    HandlerFailed,
    HandlerPanicked,
    InnerServiceFailed,
    NoHandler,
    /// An event or message that no error frame answers, by its name.
    NotHandled(&'static str),
    /// Why the `on_expiry` hook did not renew an identity.
    NotRenewed(&'static str),
    AnswerCompressed,
    AnswerNotUtf8,
    HeaderNotUtf8,
    JoinNotFollowed,
    CloseNotFollowed,
    OrdersWithoutSocket,
    RepliesNotSent,
}

/// Shows a request's path in the log, without its query, which holds secrets, and cut, since the client
/// chooses its length.
pub(super) fn shown_path(uri: &Uri) -> &str {
    let path = uri.path();
    match path.char_indices().nth(LONGEST_PATH) {
        Some((end, _)) => &path[..end],
        None => path,
    }
}

/// Shows a text on one log line. Escapes what would begin another line or steer a terminal, since
/// applications repeat client input in their errors.
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

/// Tells whether a character steers a terminal or ends a line, as Unicode's separators do for some
/// readers.
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// In characters.
const LONGEST_PATH: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_one_kind_hides_no_other() {
        let log = Log::default();
        let written = |kind| {
            let mut written = None;
            log.write(kind, |suppressed| written = Some(suppressed));
            written
        };
        for kind in [
            Kind::HandlerFailed,
            Kind::HandlerPanicked,
            Kind::Refused(RejectionKind::ForeignOrigin),
            Kind::Refused(RejectionKind::TokenWrong),
            Kind::NotHandled("one"),
            Kind::NotHandled("other"),
        ] {
            assert_eq!(written(kind), Some(None), "{kind:?}");
            assert_eq!(written(kind), None, "{kind:?}");
        }
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

    #[test]
    fn a_path_is_shown_without_its_query_and_cut() {
        let long = format!("/{}", "a".repeat(300));
        for (uri, shown) in [
            ("/a/b?token=hush", "/a/b"),
            ("https://app.example/x?y", "/x"),
            ("*", "*"),
            (&long, &long[..200]),
        ] {
            assert_eq!(shown_path(&uri.parse().unwrap()), shown);
        }
    }
}
