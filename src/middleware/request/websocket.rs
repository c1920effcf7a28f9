//! Whether a request asks for a WebSocket.

use http::{
    HeaderMap, Method,
    header::{CONNECTION, UPGRADE},
    request::Parts,
};
use hyper::ext::Protocol;

use super::header_list::has_token;

/// Tells whether the connection, or a stream of it, is asked to become a WebSocket.
pub(crate) fn asks_for_websocket(parts: &Parts) -> bool {
    has_upgrade(&parts.headers) || is_extended_connect(parts)
}

/// Tells whether one stream of an HTTP/2 connection is asked to become a WebSocket.
pub(crate) fn is_extended_connect(parts: &Parts) -> bool {
    // RFC 8441 §5: `:protocol` has the value `websocket`, which names the protocol of the registry
    // that `Upgrade` draws from: RFC 9110 §7.8 compares those without regard to case. A `CONNECT`
    // without it, or for another protocol, is the application's.
    let protocol = parts.extensions.get::<Protocol>();
    parts.method == Method::CONNECT
        && protocol.is_some_and(|named| named.as_str().eq_ignore_ascii_case("websocket"))
}

/// Tells whether the connection is asked to become a WebSocket, whatever the method.
fn has_upgrade(headers: &HeaderMap) -> bool {
    // RFC 6455 §4.2.1, items 3 and 4; RFC 9110 §7.8: both may be lists, over several lines.
    has_token(headers, UPGRADE, "websocket") && has_token(headers, CONNECTION, "upgrade")
}

#[cfg(test)]
mod tests {
    use http::{Method, Request, request::Parts};
    use hyper::ext::Protocol;

    use super::asks_for_websocket;

    fn parts(method: Method, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder()
            .method(method)
            .uri("https://app.example/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn with_headers(headers: &[(&str, &str)]) -> bool {
        asks_for_websocket(&parts(Method::GET, headers))
    }

    #[test]
    fn upgrade_tokens_may_stand_in_lists_and_on_several_lines() {
        for headers in [
            &[("connection", "Upgrade"), ("upgrade", "websocket")][..],
            &[
                ("connection", "keep-alive, UPGRADE"),
                ("upgrade", "WebSocket"),
            ],
            &[
                ("connection", "keep-alive"),
                ("connection", "upgrade"),
                ("upgrade", "websocket"),
            ],
            &[("connection", "upgrade"), ("upgrade", "h2c, websocket")],
            &[
                ("connection", " ,upgrade, "),
                ("upgrade", "h2c"),
                ("upgrade", "websocket"),
            ],
        ] {
            assert!(with_headers(headers), "{headers:?}");
        }
    }

    #[test]
    fn a_request_without_both_upgrade_tokens_does_not_ask() {
        for headers in [
            &[][..],
            &[("upgrade", "websocket")],
            &[("connection", "upgrade")],
            &[("connection", "keep-alive"), ("upgrade", "websocket")],
            &[("connection", "upgrade"), ("upgrade", "h2c")],
            &[("connection", "not-upgrade"), ("upgrade", "websocket")],
            &[("connection", "upgrade"), ("upgrade", "websocket2")],
        ] {
            assert!(!with_headers(headers), "{headers:?}");
        }
    }

    #[test]
    fn an_extended_connect_asks_if_its_protocol_is_websocket() {
        let asks = |method, protocol: Option<&'static str>| {
            let mut parts = parts(method, &[]);
            if let Some(protocol) = protocol {
                parts.extensions.insert(Protocol::from_static(protocol));
            }
            asks_for_websocket(&parts)
        };
        for spelling in ["websocket", "WebSocket", "WEBSOCKET"] {
            assert!(asks(Method::CONNECT, Some(spelling)), "{spelling}");
        }
        for foreign in ["connect-udp", "websockets", "webtransport", ""] {
            assert!(!asks(Method::CONNECT, Some(foreign)), "{foreign}");
        }
        assert!(!asks(Method::CONNECT, None));
        assert!(!asks(Method::GET, Some("websocket")));
    }
}
