//! The headers of a request to an upstream that no other dispatch has.

use std::net::SocketAddr;

use http::{HeaderMap, HeaderName, HeaderValue, header::HOST, uri::Scheme};

use crate::{
    config::Proxies,
    middleware::{handshake::Handshake, request::says_whence},
};

/// All headers of ours, sorted. A request to an upstream has each of them exactly once.
pub(super) const OURS: [HeaderName; 9] = [
    BROADCAST_URL,
    HeaderName::from_static("websocket-connection-id"),
    HeaderName::from_static("websocket-event"),
    EVENT_AGE,
    HeaderName::from_static("websocket-group-id"),
    HeaderName::from_static("websocket-identity"),
    MESSAGE_ID,
    STATE,
    HeaderName::from_static("websocket-user-id"),
];

pub(super) const BROADCAST_URL: HeaderName = HeaderName::from_static("websocket-broadcast-url");
pub(super) const EVENT_AGE: HeaderName = HeaderName::from_static("websocket-event-age");
pub(super) const MESSAGE_ID: HeaderName = HeaderName::from_static("websocket-message-id");
pub(super) const STATE: HeaderName = HeaderName::from_static("websocket-state");

/// Says anew from where and how the client came. What it says itself counts only through a trusted
/// proxy.
pub(super) fn forward(
    headers: &mut HeaderMap,
    handshake: Option<&Handshake>,
    proxies: &Proxies,
    scheme: &Scheme,
) {
    let peer = handshake.and_then(Handshake::peer_addr);
    let peer = peer.map(|peer: SocketAddr| peer.ip().to_canonical());
    let is_trusted = peer.is_some_and(|peer| proxies.trust(peer));
    // A proxy's own names have no sign but `-`.
    let is_plain = |name: &str| {
        name.bytes()
            .all(|sign| sign.is_ascii_alphanumeric() || sign == b'-')
    };
    let is_false = |name: &&HeaderName| {
        let name = name.as_str();
        says_whence(name) && !(is_trusted && is_plain(name))
    };
    while let Some(name) = headers.keys().find(is_false).cloned() {
        headers.remove(name);
    }
    if let Some(peer) = peer {
        let before = headers.get_all(FOR).iter().map(HeaderValue::as_bytes);
        let mut list = before.collect::<Vec<_>>().join(&b", "[..]);
        if !list.is_empty() {
            list.extend_from_slice(b", ");
        }
        list.extend_from_slice(peer.to_string().as_bytes());
        headers.insert(FOR, list.try_into().expect("values and an address"));
    }
    if !headers.contains_key(PROTO) {
        let scheme = HeaderValue::try_from(scheme.as_str()).expect("a scheme is visible ASCII");
        headers.insert(PROTO, scheme);
    }
    if let (false, Some(host)) = (headers.contains_key(FORWARDED_HOST), headers.get(HOST)) {
        let host = host.clone();
        headers.insert(FORWARDED_HOST, host);
    }
}

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

#[cfg(test)]
mod tests {
    use http::{Request, header::FORWARDED};

    use super::*;
    use crate::config::Config;

    fn forwarded(peer: &str, config: &Config) -> HeaderMap {
        let request = Request::get("/")
            .header(HOST, "app.example")
            .header("x-forwarded-for", "6.6.6.6")
            .header("x-forwarded-for", "7.7.7.7")
            .header("X_Forwarded_Host", "evil.example")
            .header("X.Forwarded.Host", "evil.example")
            .header("X~Forwarded-For", "6.6.6.6")
            .header("x-forwarded-proto", "gopher")
            .header("x-forwarded-user", "boss")
            .header(FORWARDED, "for=6.6.6.6");
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let peer = peer.parse().ok();
        let handshake = Handshake::new(&parts, peer, None);
        let mut headers = handshake.headers();
        forward(
            &mut headers,
            Some(&handshake),
            &config.proxies,
            &Scheme::HTTPS,
        );
        headers
    }

    #[test]
    fn what_a_visitor_says_of_itself_is_replaced() {
        let headers = forwarded("[::ffff:1.2.3.4]:80", &Config::new());
        let mut seen: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        seen.sort_unstable();
        assert_eq!(
            seen,
            [
                ("host", "app.example"),
                ("x-forwarded-for", "1.2.3.4"),
                ("x-forwarded-host", "app.example"),
                ("x-forwarded-proto", "https"),
            ]
        );
    }

    #[test]
    fn what_a_trusted_proxy_says_is_kept_and_the_proxy_added() {
        let proxy: ipnet::IpNet = "10.0.0.0/8".parse().unwrap();
        let config = Config::new().trusted_proxies([proxy]);
        let headers = forwarded("10.0.0.1:80", &config);
        assert_eq!(headers["x-forwarded-for"], "6.6.6.6, 7.7.7.7, 10.0.0.1");
        assert_eq!(headers.get_all("x-forwarded-for").iter().count(), 1);
        assert_eq!(headers["x-forwarded-proto"], "gopher");
        assert_eq!(headers["x-forwarded-host"], "app.example");
        assert_eq!(headers[FORWARDED], "for=6.6.6.6");
        let foreign = forwarded("11.0.0.1:80", &config);
        assert_eq!(foreign["x-forwarded-for"], "11.0.0.1");
    }

    #[test]
    fn our_headers_are_sorted_and_all_begin_alike() {
        assert!(
            OURS.windows(2)
                .all(|pair| pair[0].as_str() < pair[1].as_str())
        );
        assert!(
            OURS.iter()
                .all(|name| name.as_str().starts_with("websocket-"))
        );
    }
}
