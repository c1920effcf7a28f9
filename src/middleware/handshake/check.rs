//! The checks of a WebSocket handshake, and the answer to a valid one.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Version,
    header::{
        CONNECTION, CONTENT_LENGTH, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
        SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
    },
    request::Parts,
};
use percent_encoding::percent_decode_str;
use tungstenite::handshake::derive_accept_key;

use crate::{
    config::{Config, Subprotocol},
    middleware::{
        rejection::{Cause, Rejection},
        request::{host_of, is_extended_connect},
        route::subprotocol,
    },
};

/// Checks that a request for an upgrade is a valid WebSocket handshake. `access` checks its sender.
///
/// # Errors
///
/// If a header or the request line breaks RFC 6455 §4.2.1 or RFC 8441 §5.
pub(crate) fn check(config: &Config, parts: &Parts) -> Result<Accept, Rejection> {
    let is_http2 = is_extended_connect(parts);
    // RFC 6455 §4.2.1, item 1: a GET request of HTTP/1.1 or higher; RFC 8441 §5: or a CONNECT.
    if !is_http2 && parts.method != Method::GET {
        return Err(Cause::UpgradeMethod(parts.method.clone()).into());
    }
    if !is_http2 && parts.version != Version::HTTP_11 {
        return Err(Cause::MalformedHandshake("it is not HTTP/1.1").into());
    }
    // RFC 6455 §4.2.1, item 2: a Host header with the server's authority.
    match host_of(parts) {
        Ok(Some(_)) => {}
        Ok(None) => return Err(Cause::MalformedHandshake("the Host header is missing").into()),
        Err(error) => return Err(Cause::MalformedHandshake(error.as_str()).into()),
    }
    // The bytes of a body would be read as frames.
    if announces_body(&parts.headers) {
        return Err(Cause::MalformedHandshake("it announces a body").into());
    }
    // RFC 6455 §4.2.1, item 6, and §4.4 for the answer to another version.
    if only(&parts.headers, &SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(Cause::UnsupportedVersion.into());
    }
    Ok(Accept {
        // RFC 8441 §5: `:protocol` replaces the key and its answer.
        key: if is_http2 {
            None
        } else {
            Some(accept_key(&parts.headers)?)
        },
        subprotocol: subprotocol(config, &parts.headers).map(Subprotocol::header),
    })
}

/// Checks the size of URL and headers, which the socket keeps.
///
/// # Errors
///
/// If they exceed [`Config::max_handshake_size`].
pub(crate) fn check_size(config: &Config, parts: &Parts) -> Result<(), Rejection> {
    let url = parts
        .uri
        .path_and_query()
        .map_or(0, |url| url.as_str().len());
    let headers = parts.headers.iter();
    let size = url
        + headers
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum::<usize>();
    if size > config.max_handshake_size {
        return Err(Cause::HandshakeTooLarge(config.max_handshake_size).into());
    }
    Ok(())
}

/// Checks that the decoded query is UTF-8: with replacement characters the names of different users
/// would become one.
///
/// # Errors
///
/// If it is not.
pub(crate) fn check_query(parts: &Parts) -> Result<(), Rejection> {
    // All names and values at once: their separators are ASCII, so no character spans two.
    let query = parts.uri.query().unwrap_or_default();
    match percent_decode_str(query).decode_utf8() {
        Ok(_) => Ok(()),
        Err(_) => Err(Cause::MalformedHandshake(
            "its query is not UTF-8; encode names with encodeURIComponent, not with escape",
        )
        .into()),
    }
}

/// The answer to a valid handshake.
#[derive(Clone, Debug)]
pub(crate) struct Accept {
    /// None over HTTP/2.
    key: Option<HeaderValue>,
    subprotocol: Option<HeaderValue>,
}

impl Accept {
    /// Builds the response that turns the connection, or the HTTP/2 stream, into a WebSocket.
    pub(crate) fn response<RB: From<Bytes>>(self) -> Response<RB> {
        let mut response = Response::new(RB::from(Bytes::new()));
        if let Some(key) = self.key {
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            // RFC 6455 §4.2.2, item 5
            let headers = response.headers_mut();
            headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(SEC_WEBSOCKET_ACCEPT, key);
        }
        if let Some(subprotocol) = self.subprotocol {
            let headers = response.headers_mut();
            headers.insert(SEC_WEBSOCKET_PROTOCOL, subprotocol);
        }
        response
    }
}

/// Derives `Sec-WebSocket-Accept` from the client's key.
fn accept_key(headers: &HeaderMap) -> Result<HeaderValue, Cause> {
    let key = only(headers, &SEC_WEBSOCKET_KEY)
        .filter(|key| is_key(key.as_bytes()))
        .ok_or(Cause::MalformedHandshake(
            "Sec-WebSocket-Key is not one base64 value of 16 bytes",
        ))?;
    HeaderValue::try_from(derive_accept_key(key.as_bytes()))
        .map_err(|_opaque| Cause::MalformedHandshake("Sec-WebSocket-Key cannot be answered"))
}

fn announces_body(headers: &HeaderMap) -> bool {
    let is_zero = |length: &HeaderValue| length.as_bytes().iter().all(|digit| *digit == b'0');
    headers.contains_key(TRANSFER_ENCODING) || !headers.get_all(CONTENT_LENGTH).iter().all(is_zero)
}

/// Returns the value of a header that occurs exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut lines = headers.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (Some(value), None) => Some(value),
        _ => None,
    }
}

/// Tells whether the key has the shape of 16 bytes in base64.
fn is_key(key: &[u8]) -> bool {
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.len() == 24 && key.ends_with(b"==") && key[..22].iter().all(is_base64)
}

#[cfg(test)]
mod tests {
    use http::Request;
    use hyper::ext::Protocol;

    use super::*;
    use crate::protocol::RejectionKind;

    /// The example of RFC 6455 §1.3.
    fn good() -> Parts {
        let request = Request::get("/chat")
            .header("host", "server.example")
            .header("upgrade", "websocket")
            .header("connection", "Upgrade")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("sec-websocket-version", "13");
        request.body(()).unwrap().into_parts().0
    }

    fn changed(change: impl FnOnce(&mut Parts)) -> Result<Accept, Rejection> {
        let mut parts = good();
        change(&mut parts);
        check(&Config::new(), &parts)
    }

    fn refused(change: impl FnOnce(&mut Parts)) -> (RejectionKind, u16) {
        let rejection = changed(change).unwrap_err();
        (rejection.kind(), rejection.status().as_u16())
    }

    fn with(name: &'static str, values: &[&'static str]) -> Result<Accept, Rejection> {
        changed(|parts| {
            parts.headers.remove(name);
            for value in values {
                parts.headers.append(name, HeaderValue::from_static(value));
            }
        })
    }

    const MALFORMED: (RejectionKind, u16) = (RejectionKind::MalformedHandshake, 400);

    #[test]
    fn the_example_of_the_rfc_is_answered() {
        let response: Response<Bytes> = changed(|_| {}).unwrap().response();
        assert_eq!(response.status(), 101);
        assert_eq!(
            response.headers()["sec-websocket-accept"],
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
        assert_eq!(response.headers()["upgrade"], "websocket");
        assert_eq!(response.headers()["connection"], "Upgrade");
        assert_eq!(response.headers().len(), 3);
        assert!(response.body().is_empty());
    }

    /// The same over HTTP/2, as RFC 8441 §5.1 shows it.
    fn good_http2() -> Parts {
        let request = Request::connect("https://server.example/chat")
            .version(Version::HTTP_2)
            .extension(Protocol::from_static("websocket"))
            .header("sec-websocket-protocol", "chat, superchat")
            .header("sec-websocket-version", "13")
            .header("origin", "http://www.example.com");
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_example_of_rfc_8441_is_answered_without_a_key() {
        let config = Config::new().subprotocols(["chat"]);
        let response: Response<Bytes> = check(&config, &good_http2()).unwrap().response();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["sec-websocket-protocol"], "chat");
        assert_eq!(response.headers().len(), 1);
        assert!(response.body().is_empty());
    }

    #[test]
    fn over_http2_all_but_key_and_method_is_checked_as_well() {
        let refused = |name: &'static str, value: &'static str| {
            let mut parts = good_http2();
            let value = HeaderValue::from_static(value);
            parts.headers.insert(name, value);
            check(&Config::new(), &parts).map_err(|rejection| rejection.status().as_u16())
        };
        for (name, value, status) in [
            ("sec-websocket-version", "8", 426),
            ("host", "other.example", 400),
            ("host", "server.example:80", 400),
            ("content-length", "5", 400),
        ] {
            assert_eq!(refused(name, value).unwrap_err(), status, "{name}: {value}");
        }
        assert!(refused("host", "server.example:443").is_ok());
        assert!(refused("sec-websocket-key", "none").is_ok());
        let mut parts = good_http2();
        parts.headers.remove("sec-websocket-version");
        assert_eq!(check(&Config::new(), &parts).unwrap_err().status(), 426);
    }

    #[test]
    fn the_clients_first_subprotocol_that_is_ours_is_chosen() {
        let config = Config::new().subprotocols(["v1", "v2"]);
        let mut parts = good();
        parts
            .headers
            .append("sec-websocket-protocol", HeaderValue::from_static("v9, v2"));
        parts
            .headers
            .append("sec-websocket-protocol", HeaderValue::from_static("v1"));
        let response: Response<Bytes> = check(&config, &parts).unwrap().response();
        assert_eq!(response.headers()["sec-websocket-protocol"], "v2");
    }

    #[test]
    fn another_method_is_405_with_allow() {
        for method in [
            Method::POST,
            Method::PUT,
            Method::HEAD,
            Method::CONNECT,
            Method::OPTIONS,
        ] {
            let rejection = changed(|parts| parts.method = method).unwrap_err();
            assert_eq!(rejection.kind(), RejectionKind::MethodNotAllowed);
            let response: Response<Bytes> = rejection.into_response();
            assert_eq!(response.status(), 405);
            assert_eq!(response.headers()["allow"], "GET");
        }
    }

    #[test]
    fn another_http_version_is_malformed() {
        for version in [
            Version::HTTP_09,
            Version::HTTP_10,
            Version::HTTP_2,
            Version::HTTP_3,
        ] {
            assert_eq!(
                refused(|parts| parts.version = version),
                MALFORMED,
                "{version:?}"
            );
        }
    }

    #[test]
    fn exactly_one_host_that_is_the_urls_is_needed() {
        for hosts in [
            &[][..],
            &[""],
            &["a.example", "a.example"],
            &["a.example", "b.example"],
            &["u@a.example"],
        ] {
            let rejection = with("host", hosts).unwrap_err();
            assert_eq!(
                (rejection.kind(), rejection.status().as_u16()),
                MALFORMED,
                "{hosts:?}"
            );
        }
        let absolute = |uri: &'static str| changed(|parts| parts.uri = uri.parse().unwrap());
        assert!(absolute("http://server.example/chat").is_ok());
        assert!(absolute("http://SERVER.example:80/chat").is_ok());
        assert!(absolute("http://other.example/chat").is_err());
        assert!(absolute("http://server.example:81/chat").is_err());
    }

    #[test]
    fn an_announced_body_is_malformed() {
        for (name, values) in [
            ("content-length", &["1"][..]),
            ("content-length", &["0", "5"]),
            ("content-length", &["+0"]),
            ("content-length", &["x"]),
            ("transfer-encoding", &["chunked"]),
            ("transfer-encoding", &["identity"]),
        ] {
            let rejection = with(name, values).unwrap_err();
            assert_eq!(
                (rejection.kind(), rejection.status().as_u16()),
                MALFORMED,
                "{values:?}"
            );
        }
        assert!(with("content-length", &["0"]).is_ok());
    }

    #[test]
    fn another_websocket_version_is_426_and_names_ours() {
        for versions in [
            &[][..],
            &["8"],
            &["14"],
            &[""],
            &["13, 8"],
            &["13", "13"],
            &["013"],
        ] {
            let rejection = with("sec-websocket-version", versions).unwrap_err();
            assert_eq!(
                rejection.kind(),
                RejectionKind::UnsupportedVersion,
                "{versions:?}"
            );
            let response: Response<Bytes> = rejection.into_response();
            assert_eq!(response.status(), 426);
            assert_eq!(response.headers()["sec-websocket-version"], "13");
            assert_eq!(response.headers()["upgrade"], "websocket");
        }
    }

    #[test]
    fn a_key_that_is_not_16_bytes_once_is_malformed() {
        const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
        for keys in [
            &[][..],
            &[""],
            &["AAAA"],
            &["dGhlIHNhbXBsZSBub25jZQ="],
            &["dGhlIHNhbXBsZSBub25jZQAA"],
            &["dGhlIHNhbXBsZSBub25jZQ==="],
            &["dGhlIHNhbXBsZSBub25j_Q=="],
            &["dGhlIHNhbXBsZSBub25j Q=="],
            &["========================"],
            &[KEY, KEY],
        ] {
            let rejection = with("sec-websocket-key", keys).unwrap_err();
            assert_eq!(
                (rejection.kind(), rejection.status().as_u16()),
                MALFORMED,
                "{keys:?}"
            );
        }
    }
}
