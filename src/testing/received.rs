//! The last messages that a test client received, for its errors.

use std::{collections::VecDeque, fmt};

use tokio_tungstenite::tungstenite::Message;

/// The last messages that a client received, and how many there were.
#[derive(Debug, Default)]
pub(super) struct Received {
    last: VecDeque<String>,
    count: u64,
}

impl Received {
    pub(super) fn note(&mut self, message: &Message) {
        let shown = match message {
            Message::Text(text) => shown(text.as_str()),
            Message::Binary(binary) => format!("{} bytes", binary.len()),
            _ => return,
        };
        self.count += 1;
        self.last.push_back(shown);
        if self.last.len() > KEPT {
            self.last.pop_front();
        }
    }
}

impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            0 => return f.write_str("no message came before"),
            1 => f.write_str("one message came before:")?,
            count => write!(f, "{count} messages came before:")?,
        }
        if self.count > self.last.len() as u64 {
            f.write_str("\n  …")?;
        }
        self.last
            .iter()
            .try_for_each(|text| write!(f, "\n  {text}"))
    }
}

/// Cuts a text to a length that fits into a test's output.
pub(super) fn shown(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

const KEPT: usize = 10;

/// In characters.
const LONGEST: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_last_ones_cut() {
        let mut received = Received::default();
        assert_eq!(received.to_string(), "no message came before");
        received.note(&Message::binary("abc"));
        received.note(&Message::Ping("x".into()));
        assert_eq!(received.to_string(), "one message came before:\n  3 bytes");
        for number in 0..12 {
            received.note(&Message::text(format!("{number}{}", "é".repeat(300))));
        }
        let shown = received.to_string();
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(lines.len(), 2 + KEPT);
        assert_eq!(lines[..2], ["13 messages came before:", "  …"]);
        assert!(lines[2].starts_with("  2é") && lines[11].starts_with("  11é"));
        assert_eq!(lines[2].chars().count(), 2 + LONGEST + 1);
    }
}
