//! The messages: numbered, and as long as the cell says.

use crate::cell::{Cell, Kind};

/// Writes message `number` for a cell as the hub itself would.
pub(crate) fn write(number: u64, cell: Cell) -> String {
    let recipients = match cell.kind {
        Kind::Group(_) => format!(r#"{{"type":"group","value":"{RECEIVERS}"}}"#),
        Kind::User(_) => format!(r#"{{"type":"user","value":"{RECEIVERS}"}}"#),
        _ => String::new(),
    };
    let tail = format!(r#"","groupId":"","userId":"","recipients":[{recipients}]}}"#);
    let filler = cell.bytes.saturating_sub(HEAD.len() + DIGITS + tail.len());
    let mut json = format!("{HEAD}{number:0DIGITS$}");
    json.extend(std::iter::repeat_n('x', filler));
    json.push_str(&tail);
    json
}

/// Reads the number of a message, as it stands or in a Socket.IO event.
pub(crate) fn number(text: &[u8]) -> Option<u64> {
    let json = text.strip_prefix(br#"42["n","#).unwrap_or(text);
    let digits = json.strip_prefix(HEAD.as_bytes())?.get(..DIGITS)?;
    digits.iter().try_fold(0, |number, digit| {
        let value = digit.wrapping_sub(b'0');
        (value < 10).then(|| number * 10 + u64::from(value))
    })
}

/// The name of the group or user that messages to some are for.
pub(crate) const RECEIVERS: &str = "receivers";

const HEAD: &str = r#"{"action":"n","message":""#;
const DIGITS: usize = 10;
