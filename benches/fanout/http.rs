//! HTTP/1.1 heads, as far as this program's own need be read.

use crate::error::Result;

/// A request or response that arrived whole.
pub(crate) struct Exchange<'b> {
    pub(crate) head: &'b str,
    pub(crate) body: &'b [u8],
}

/// Splits the first exchange off what was received; `None` while it is not whole.
pub(crate) fn split(bytes: &[u8]) -> Result<Option<(Exchange<'_>, &[u8])>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let (head, rest) = bytes.split_at(end + 4);
    let head = std::str::from_utf8(head)?;
    let length = match header(head, "content-length") {
        Some(length) => length.parse()?,
        None => 0,
    };
    let whole = rest.split_at_checked(length);
    Ok(whole.map(|(body, rest)| (Exchange { head, body }, rest)))
}

/// A header's value.
pub(crate) fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    Some(value.trim())
}
