//! Headers that are comma-separated lists of tokens, over several lines.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{AsHeaderName, TRANSFER_ENCODING},
};

/// Iterates over the tokens of all lines of a header.
pub(crate) fn tokens(headers: &HeaderMap, name: impl AsHeaderName) -> impl Iterator<Item = &[u8]> {
    headers
        .get_all(name)
        .iter()
        .flat_map(|line: &HeaderValue| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|token| !token.is_empty())
}

/// Tells whether a header lists a token, in any case.
pub(crate) fn has_token(headers: &HeaderMap, name: impl AsHeaderName, token: &str) -> bool {
    tokens(headers, name).any(|seen| seen.eq_ignore_ascii_case(token.as_bytes()))
}

/// Returns the first coding that a header names and that changes the body's bytes.
pub(crate) fn encoded_by<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    // RFC 9110 §8.4.1: identity changes nothing. RFC 9112 §7.1: the server decodes chunked, which must
    // be last.
    let plain: &[u8] = if name == TRANSFER_ENCODING {
        b"chunked"
    } else {
        b"identity"
    };
    tokens(headers, name).find(|coding| !coding.eq_ignore_ascii_case(plain))
}

#[cfg(test)]
mod tests {
    use http::header::CONTENT_ENCODING;

    use super::*;

    #[test]
    fn what_changes_the_bytes_is_found_in_lists_and_on_any_line() {
        for (name, lines, found) in [
            (CONTENT_ENCODING, &[][..], None),
            (CONTENT_ENCODING, &[""], None),
            (CONTENT_ENCODING, &["identity"], None),
            (CONTENT_ENCODING, &["Identity, identity", "IDENTITY"], None),
            (CONTENT_ENCODING, &["gzip"], Some("gzip")),
            (CONTENT_ENCODING, &["identity", "identity, br"], Some("br")),
            (CONTENT_ENCODING, &["chunked"], Some("chunked")),
            (TRANSFER_ENCODING, &["chunked"], None),
            (TRANSFER_ENCODING, &["Chunked"], None),
            (TRANSFER_ENCODING, &["gzip, chunked"], Some("gzip")),
            (TRANSFER_ENCODING, &["identity, chunked"], Some("identity")),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(&name, HeaderValue::from_static(line));
            }
            let found = found.map(str::as_bytes);
            assert_eq!(encoded_by(&headers, &name), found, "{lines:?}");
        }
    }
}
