//! Whether a caller is a program on this machine.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use http::{HeaderMap, Version, request::Parts};

use crate::middleware::request::{host_of, is_cross_site};

/// Checks every condition of a local caller.
///
/// A proxy on this machine that adds no header and sends its own `Host` meets them all for every
/// client: its requests show no difference.
///
/// # Errors
///
/// The first condition that is not met.
pub(super) fn check_local(parts: &Parts, peer: Option<SocketAddr>) -> Result<(), NotLocal> {
    let peer = peer.ok_or(NotLocal::UnknownPeer)?.ip().to_canonical();
    if !peer.is_loopback() {
        return Err(NotLocal::Peer(peer));
    }
    // HTTP/1.0 is what old proxies speak to their backends, and it needs no Host.
    if parts.version < Version::HTTP_11 {
        return Err(NotLocal::OldHttp);
    }
    match host_of(parts) {
        Ok(Some(host)) if host.is_loopback() => {}
        Ok(Some(host)) => return Err(NotLocal::Host(host.to_string().into())),
        Ok(None) => return Err(NotLocal::NoHost("the Host header is missing")),
        Err(error) => return Err(NotLocal::NoHost(error.as_str())),
    }
    if let Some(header) = proxy_header(&parts.headers) {
        return Err(NotLocal::Proxied(header.into()));
    }
    if is_cross_site(parts) {
        return Err(NotLocal::CrossSite);
    }
    Ok(())
}

/// Tells whether the request came through a proxy on this machine.
pub(super) fn is_proxied(parts: &Parts, peer: Option<SocketAddr>) -> bool {
    let is_loopback = peer.is_some_and(|peer| peer.ip().to_canonical().is_loopback());
    let has_foreign_host = || matches!(host_of(parts), Ok(Some(host)) if !host.is_loopback());
    is_loopback && (proxy_header(&parts.headers).is_some() || has_foreign_host())
}

/// Why a caller is not local.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotLocal {
    UnknownPeer,
    Peer(IpAddr),
    OldHttp,
    Host(Box<str>),
    NoHost(&'static str),
    Proxied(Box<str>),
    CrossSite,
}

impl fmt::Display for NotLocal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownPeer => f.write_str(
                "its address is unknown (serve with axum's connect info or insert a PeerAddr)",
            ),
            Self::Peer(peer) => write!(f, "its address is {peer}"),
            Self::OldHttp => f.write_str("it speaks HTTP/1.0"),
            Self::Host(host) => write!(f, "the request is for {host:?}, not for localhost"),
            Self::NoHost(what) => f.write_str(what),
            Self::Proxied(header) => write!(f, "the header {header} comes from a proxy"),
            Self::CrossSite => f.write_str("a page of another site made the request"),
        }
    }
}

fn proxy_header(headers: &HeaderMap) -> Option<&str> {
    headers.keys().map(|name| name.as_str()).find(|name| {
        // Some proxies and backends treat `_` as `-`.
        let name = name.replace('_', "-");
        PROXY_NAMES.contains(&name.as_str())
            || PROXY_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    })
}

/// Headers that proxies, load balancers and delivery networks add, and programs on this machine do not.
const PROXY_NAMES: &[&str] = &[
    "ali-cdn-real-ip",
    "cdn-loop",
    "client-ip",
    "do-connecting-ip",
    "forwarded",
    "front-end-https",
    "incap-client-ip",
    "max-forwards",
    "proxy-client-ip",
    "true-client-ip",
    "via",
    "wl-proxy-client-ip",
];

const PROXY_PREFIXES: &[&str] = &[
    "akamai-",
    "cf-",
    "cloudfront-",
    "fastly-",
    "fly-",
    "x-akamai-",
    "x-appengine-",
    "x-arr-",
    "x-azure-",
    "x-client",
    "x-cluster-client",
    "x-envoy",
    "x-forward",
    "x-nf-",
    "x-original",
    "x-proxy",
    "x-real",
    "x-remote-",
    "x-sucuri-",
    "x-varnish",
    "x-vercel-",
];

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn request(headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::post("/__broadcastWebSocket.wc");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn peer(text: &str) -> Option<SocketAddr> {
        Some(text.parse().unwrap())
    }

    fn with(header: (&str, &str)) -> Result<(), NotLocal> {
        check_local(
            &request(&[("host", "localhost:3000"), header]),
            peer("127.0.0.1:5"),
        )
    }

    #[test]
    fn a_loopback_peer_that_asks_for_localhost_is_local() {
        for address in [
            "127.0.0.1:5",
            "127.8.8.8:5",
            "[::1]:5",
            "[::ffff:127.0.0.1]:5",
        ] {
            for host in [
                "localhost",
                "LOCALHOST:3000",
                "app.localhost.",
                "127.0.0.1:1",
                "[::1]",
            ] {
                assert_eq!(
                    check_local(&request(&[("host", host)]), peer(address)),
                    Ok(()),
                    "{address} {host}"
                );
            }
        }
    }

    #[test]
    fn any_other_or_an_unknown_peer_is_not() {
        let parts = request(&[("host", "localhost")]);
        assert_eq!(check_local(&parts, None), Err(NotLocal::UnknownPeer));
        for address in [
            "192.0.2.1:5",
            "10.0.0.1:5",
            "0.0.0.0:5",
            "[::]:5",
            "[fe80::1]:5",
            "[::ffff:10.0.0.1]:5",
        ] {
            let refused = check_local(&parts, peer(address));
            assert!(matches!(refused, Err(NotLocal::Peer(_))), "{address}");
        }
    }

    #[test]
    fn no_header_makes_a_remote_peer_local() {
        let parts = request(&[
            ("host", "localhost"),
            ("x-forwarded-for", "127.0.0.1"),
            ("x-real-ip", "127.0.0.1"),
        ]);
        assert!(check_local(&parts, peer("192.0.2.1:5")).is_err());
    }

    #[test]
    fn http_1_0_is_not() {
        let mut parts = request(&[("host", "localhost")]);
        parts.version = Version::HTTP_10;
        assert_eq!(
            check_local(&parts, peer("127.0.0.1:5")),
            Err(NotLocal::OldHttp)
        );
        parts.version = Version::HTTP_2;
        assert_eq!(check_local(&parts, peer("127.0.0.1:5")), Ok(()));
    }

    #[test]
    fn a_foreign_missing_or_doubled_host_is_not() {
        let check = |headers: &[(&str, &str)]| check_local(&request(headers), peer("127.0.0.1:5"));
        for host in [
            "app.example",
            "192.0.2.1",
            "localhost.evil.test",
            "128.0.0.1",
        ] {
            assert!(
                matches!(check(&[("host", host)]), Err(NotLocal::Host(_))),
                "{host}"
            );
        }
        for headers in [
            &[][..],
            &[("host", "")],
            &[("host", "localhost"), ("host", "localhost")],
            &[("host", "localhost@evil.test")],
        ] {
            assert!(
                matches!(check(headers), Err(NotLocal::NoHost(_))),
                "{headers:?}"
            );
        }
    }

    #[test]
    fn any_sign_of_a_proxy_is_not() {
        for name in [
            "forwarded",
            "via",
            "true-client-ip",
            "x-forwarded",
            "x-forwarded-for",
            "x-forwarded-proto",
            "x-forwarded-host",
            "x-real-ip",
            "x-client-ip",
            "x-original-host",
            "x-original-for",
            "x-envoy-external-address",
            "cf-connecting-ip",
            "cf-ray",
            "x-cluster-client-ip",
            "client-ip",
            "fastly-client-ip",
            "fly-client-ip",
            "x-azure-clientip",
            "x-azure-fdid",
            "cdn-loop",
            "max-forwards",
            "x-forward-for",
            "x-appengine-user-ip",
            "x-arr-log-id",
            "x-remote-addr",
            "x_cluster_client_ip",
            "x_forwarded_for",
            "X-Forwarded-For",
        ] {
            assert!(
                matches!(with((name, "127.0.0.1")), Err(NotLocal::Proxied(_))),
                "{name}"
            );
        }
        for name in [
            "user-agent",
            "x-request-id",
            "x-requested-with",
            "x-amzn-trace-id",
            "traceparent",
            "cookie",
            "flying",
        ] {
            assert_eq!(with((name, "x")), Ok(()), "{name}");
        }
    }

    #[test]
    fn a_page_of_another_site_is_not() {
        assert_eq!(with(("origin", "http://localhost:3000")), Ok(()));
        for origin in [
            "http://evil.test",
            "http://localhost:5173",
            "http://localhost",
            "null",
            "",
            "file://",
        ] {
            assert_eq!(
                with(("origin", origin)),
                Err(NotLocal::CrossSite),
                "{origin}"
            );
        }
        for site in ["same-origin", "none"] {
            assert_eq!(with(("sec-fetch-site", site)), Ok(()), "{site}");
        }
        for site in ["cross-site", "same-site", "", "same-origin, none"] {
            assert_eq!(
                with(("sec-fetch-site", site)),
                Err(NotLocal::CrossSite),
                "{site}"
            );
        }
    }

    #[test]
    fn a_proxy_on_this_machine_is_noticed_by_its_host_or_headers() {
        let loopback = peer("127.0.0.1:5");
        assert!(is_proxied(&request(&[("host", "app.example")]), loopback));
        assert!(is_proxied(
            &request(&[("host", "localhost"), ("via", "1.1 x")]),
            loopback
        ));
        assert!(!is_proxied(&request(&[("host", "localhost")]), loopback));
        assert!(!is_proxied(
            &request(&[("host", "app.example")]),
            peer("192.0.2.1:5")
        ));
        assert!(!is_proxied(&request(&[("host", "app.example")]), None));
    }
}
