//! Names of headers that only the layer or a proxy may write, in all spellings that an application could
//! take for them.

use std::borrow::Cow;

/// Tells whether an application could read this header as one of ours. `name` is in lower case.
///
/// CGI and its successors turn `-`, and some every sign, into `_`: `websocket_user_id` and
/// `WebSocket-User-Id` become the same variable. The signature of a request is ours as well.
pub(crate) fn reads_like_ours(name: &str) -> bool {
    let ends = |rest: &str| rest.starts_with(|sign: char| !sign.is_ascii_alphanumeric());
    let signature = name.strip_prefix("signature");
    name.strip_prefix("websocket").is_some_and(ends)
        || signature.is_some_and(|rest| rest.is_empty() || ends(rest))
}

/// Tells whether an application could read a header, in lower case, as one that proxies write.
pub(crate) fn says_whence(name: &str) -> bool {
    let name = plain(name);
    name == "forwarded" || name.starts_with("x-forwarded")
}

/// Returns a header's name as applications may read it that know no sign but one: CGI and its successors.
pub(crate) fn plain(name: &str) -> Cow<'_, str> {
    let is_odd = |sign: char| !sign.is_ascii_alphanumeric() && sign != '-';
    if name.contains(is_odd) {
        Cow::Owned(name.replace(is_odd, "-"))
    } else {
        Cow::Borrowed(name)
    }
}

#[cfg(test)]
mod tests {
    use super::{reads_like_ours, says_whence};

    #[test]
    fn what_proxies_write_is_known_in_every_spelling() {
        for name in [
            "forwarded",
            "x-forwarded-for",
            "x_forwarded_for",
            "x.forwarded.for",
            "x~forwarded!host",
            "x-forwarded",
        ] {
            assert!(says_whence(name), "{name}");
        }
        for name in ["x-forward", "forwarded-by", "xforwarded-for"] {
            assert!(!says_whence(name), "{name}");
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
            "signature",
            "signature-input",
            "signature_input",
            "signature.input",
        ] {
            assert!(reads_like_ours(name), "{name}");
        }
        for name in [
            "websocket",
            "websockets",
            "websocketuser",
            "x-websocket-user-id",
            "sec-websocket-key",
            "signatures",
            "x-signature",
            "x-hub-signature-256",
        ] {
            assert!(!reads_like_ours(name), "{name}");
        }
    }
}
