//! The handshake's headers that dispatched messages do not carry.

use http::header::CONNECTION;

/// Tells whether dispatched messages leave out this header of their handshake. `name` is in lower
/// case.
pub(super) fn is_stripped(name: &str) -> bool {
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || is_ours(name)
}

/// Tells whether an application could read this header as one of ours. `name` is in lower case.
///
/// CGI and its successors turn `-`, and some every sign, into `_`: `websocket_user_id` and
/// `WebSocket-User-Id` become the same variable.
fn is_ours(name: &str) -> bool {
    name.strip_prefix("websocket")
        .is_some_and(|rest| rest.starts_with(|sign: char| !sign.is_ascii_alphanumeric()))
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
    use super::{is_ours, is_stripped};

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

    #[test]
    fn every_spelling_of_our_own_headers_is_ours() {
        for name in [
            "websocket-user-id",
            "websocket_user_id",
            "websocket-user_id",
            "websocket_user-id",
            "websocket-event",
            "websocket_connection_id",
            "websocket-identity",
            "websocket-group-id",
            "websocket-join",
            "websocket-",
            "websocket_",
            "websocket.user.id",
            "websocket-anything",
        ] {
            assert!(is_ours(name) && is_stripped(name), "{name}");
        }
        for name in [
            "websocket",
            "websockets",
            "websocketuser",
            "x-websocket-user-id",
            "sec-websocket-key",
        ] {
            assert!(!is_ours(name), "{name}");
        }
    }
}
