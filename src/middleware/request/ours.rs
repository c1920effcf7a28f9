//! Names of headers that only the layer may write.

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

#[cfg(test)]
mod tests {
    use super::reads_like_ours;

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
