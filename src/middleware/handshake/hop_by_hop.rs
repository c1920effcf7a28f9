//! The handshake's headers that dispatched messages do not carry.

use http::header::CONNECTION;

use crate::middleware::request::{plain, reads_like_ours};

/// Tells whether dispatched messages leave out this header of their handshake. `name` is in lower
/// case.
///
/// An application may read any sign as `-`, so `content_length` is left out with `content-length`.
pub(super) fn is_stripped(name: &str) -> bool {
    let name = plain(name);
    let begins = |prefix: &&str| name.starts_with(prefix);
    NAMES.contains(&&*name) || PREFIXES.iter().any(begins) || reads_like_ours(&name)
}

/// Collects the header names that `Connection` declares hop-by-hop.
pub(super) fn named_in_connection<'a>(
    headers: impl Iterator<Item = (&'a str, &'a [u8])>,
) -> Vec<&'a [u8]> {
    headers
        .filter(|(name, _)| *name == CONNECTION.as_str())
        .flat_map(|(_, value)| value.split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .collect()
}

/// Headers that belong to one connection (RFC 9110 §7.6.1), one representation or one request.
const NAMES: &[&str] = &[
    "accept-encoding",
    "connection",
    "expect",
    "http2-settings",
    "keep-alive",
    "origin",
    "priority",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

const PREFIXES: &[&str] = &["content-", "if-", "sec-"];

#[cfg(test)]
mod tests {
    use super::is_stripped;

    #[test]
    fn what_concerns_the_connection_the_body_or_the_handshake_is_stripped() {
        for name in [
            "connection",
            "keep-alive",
            "proxy-connection",
            "proxy-authorization",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
            "http2-settings",
            "content-length",
            "content-type",
            "content-encoding",
            "sec-websocket-key",
            "sec-websocket-protocol",
            "sec-fetch-site",
            "accept-encoding",
            "expect",
            "range",
            "if-none-match",
            "if-modified-since",
            "if-range",
            "priority",
            "origin",
            "content_length",
            "content_digest",
            "content.digest",
            "proxy.authorization",
            "transfer~encoding",
            "transfer_encoding",
            "if_none_match",
            "websocket_user_id",
            "signature_input",
        ] {
            assert!(is_stripped(name), "{name}");
        }
        for name in [
            "authorization",
            "cookie",
            "host",
            "user-agent",
            "accept",
            "accept-language",
            "x-forwarded-for",
            "referer",
            "forwarded",
            "x-content-x",
            "traceparent",
        ] {
            assert!(!is_stripped(name), "{name}");
        }
    }
}
