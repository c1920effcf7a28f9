//! Header values that are comma-separated lists of tokens, over several lines.

use http::header::AsHeaderName;
use http::{HeaderMap, HeaderValue};

/// Returns every token of every line of a header.
pub(super) fn tokens(headers: &HeaderMap, name: impl AsHeaderName) -> impl Iterator<Item = &[u8]> {
    headers
        .get_all(name)
        .iter()
        .flat_map(|line: &HeaderValue| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|token| !token.is_empty())
}

pub(super) fn has_token(headers: &HeaderMap, name: impl AsHeaderName, token: &str) -> bool {
    tokens(headers, name).any(|seen| seen.eq_ignore_ascii_case(token.as_bytes()))
}
