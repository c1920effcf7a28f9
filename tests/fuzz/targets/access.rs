//! Callers of the reserved URLs: every caller that is admitted meets a documented rule, and every
//! caller that meets one is admitted.

#![no_main]

use std::net::{IpAddr, SocketAddr};

use arbitrary::{Arbitrary, Unstructured};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, Version, request::Parts,
};
use http_body_util::BodyExt;
use libfuzzer_sys::fuzz_target;
use web_connection_socket::{
    Config, Handshake, PeerAddr, Rejection, WebConnectionSocketLayer,
    config::{ClientHeader, IpNet},
};
use web_connection_socket_fuzz::{
    http::{App, Body, answer, controlled, host_of, layered, page, peer},
    runtime,
};

fuzz_target!(|data: &[u8]| {
    let [rules, rest @ ..] = data else {
        return;
    };
    let rules = Rules(*rules);
    let call = Call::arbitrary(&mut Unstructured::new(rest)).expect("any bytes make a call");
    let Some((parts, peer)) = call.parts() else {
        return;
    };
    let expected = may_call(rules, &parts, peer);
    client(rules, &parts, peer);
    let request = Request::from_parts(parts, Body::from("{}"));
    let shown = format!("{rules:?} {peer:?} {request:?}");
    let response = APPS.with(|apps| answer(&apps[usize::from(rules.0)], request));
    let is_admitted = response.status() == 200;
    assert!(is_admitted || matches!(response.status().as_u16(), 401 | 403));
    assert_eq!(is_admitted, expected, "{shown}");
});

/// Which ways in are configured, and which door is tried.
#[derive(Clone, Copy, Debug)]
struct Rules(u8);

impl Rules {
    const fn has(self, bit: u8) -> bool {
        self.0 >> bit & 1 == 1
    }

    const fn tokens(self) -> bool {
        self.has(0)
    }

    const fn networks(self) -> bool {
        self.has(1)
    }

    const fn local(self) -> bool {
        self.has(2)
    }

    const fn hosts(self) -> bool {
        self.has(3)
    }

    const fn predicate(self) -> bool {
        self.has(4)
    }

    const fn control(self) -> bool {
        self.has(5)
    }

    /// The proxies that are trusted to name a visitor's address; they admit no caller.
    const fn proxies(self) -> bool {
        self.has(6)
    }

    const fn forwarded(self) -> bool {
        self.has(7)
    }

    fn app(self) -> App {
        let mut config = Config::new();
        if self.proxies() {
            let networks = ["10.1.0.0/16", "127.0.0.0/8"];
            config = config.trusted_proxies(networks.map(|net| net.parse::<IpNet>().unwrap()));
        }
        if self.forwarded() {
            config = config.client_header(ClientHeader::Forwarded);
        }
        if self.tokens() {
            config = config.bearer_tokens(TOKENS);
        }
        if self.networks() {
            let networks = ["10.1.0.0/16", "2001:db8::/112", "127.0.0.0/30"];
            config = config.allow_callers_from(networks.map(|net| net.parse::<IpNet>().unwrap()));
        }
        if self.local() {
            config = config.trust_local_callers();
        }
        if self.hosts() {
            config = config.hosts(["app.example", "localhost:3000"]);
        }
        let layer = WebConnectionSocketLayer::new(config);
        let mut layer = layer.identify(|handshake: Handshake| async move {
            let seen = handshake.client_addr().map(|client| client.to_string());
            Err(Rejection::new(StatusCode::FORBIDDEN)
                .body(HeaderValue::from_static(TEXT), seen.unwrap_or_default()))
        });
        if self.predicate() {
            layer = layer.allow_callers_if(|parts| parts.headers.contains_key("x-admitted"));
        }
        if self.control() {
            controlled(&layer)
        } else {
            layered(&layer)
        }
    }
}

thread_local! {
    static APPS: Vec<App> = (0..=255).map(|rules| Rules(rules).app()).collect();
}

const TEXT: &str = "text/plain";

const TOKENS: [&str; 2] = ["open-sesame", "second"];

/// A visitor's address is that of its connection, unless that is the address of a trusted proxy;
/// then it is one that the proxies name, or theirs.
fn client(rules: Rules, parts: &Parts, peer: Option<SocketAddr>) {
    let mut parts = parts.clone();
    parts.method = Method::GET;
    parts.uri = Uri::from_static("/__initializeSocket.wc");
    let request = Request::from_parts(parts.clone(), Body::default());
    let response = APPS.with(|apps| answer(&apps[usize::from(rules.0)], request));
    let is_asked = response
        .headers()
        .get("content-type")
        .is_some_and(|kind| kind == TEXT);
    if !is_asked {
        return;
    }
    let body = runtime::run(response.into_body().collect());
    let text = String::from_utf8(body.expect("a body").to_bytes().to_vec()).expect("UTF-8");
    let Some(peer) = peer.map(|peer| peer.ip().to_canonical()) else {
        return assert_eq!(text, "");
    };
    let seen: IpAddr = text.parse().expect("an address");
    let is_proxy = |address: IpAddr| match address {
        IpAddr::V4(four) => four.octets()[0] == 127 || four.octets()[..2] == [10, 1],
        IpAddr::V6(_) => false,
    };
    if seen == peer {
        return;
    }
    assert!(
        rules.proxies() && is_proxy(peer),
        "{peer} had itself called {seen}"
    );
    let header = if rules.forwarded() {
        "forwarded"
    } else {
        "x-forwarded-for"
    };
    let lines = parts.headers.get_all(header).iter();
    let named = lines.map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned());
    let named: Vec<_> = named.collect();
    let is_named = named.iter().any(|line| {
        let words = line.split([',', ';', '=', '"', ' ', '\t', '[', ']']);
        words.into_iter().any(|word| {
            let without_port = word.rsplit_once(':').map_or(word, |(host, _)| host);
            let reads = |text: &str| {
                text.parse::<IpAddr>()
                    .is_ok_and(|ip| ip.to_canonical() == seen)
            };
            reads(word) || reads(without_port)
        })
    });
    assert!(is_named, "{seen} is named nowhere in {named:?}");
}

/// The rules, written from the documentation.
fn may_call(rules: Rules, parts: &Parts, peer: Option<SocketAddr>) -> bool {
    let host = host_of(parts);
    if rules.hosts() {
        let is_served = matches!(&host, Ok(Some(host)) if host.name == "app.example"
            || host.name == "app.example."
            || matches!(&*host.name, "localhost" | "localhost.") && host.port == Some(3000));
        if !is_served {
            return false;
        }
    }
    let has_token = rules.tokens() && token_is_known(&parts.headers);
    if rules.control() {
        let sites: Vec<_> = parts.headers.get_all("sec-fetch-site").iter().collect();
        let is_by_page =
            parts.headers.contains_key("origin") || sites.iter().any(|site| *site != "none");
        return !is_by_page && (has_token || !rules.tokens());
    }
    let address = peer.map(|peer| match peer.ip() {
        IpAddr::V6(six) => six.to_ipv4_mapped().map_or(IpAddr::V6(six), IpAddr::V4),
        four => four,
    });
    let is_same_site = is_same_site(parts);
    let sites = parts.headers.get_all("sec-fetch-site").iter();
    let is_by_page =
        parts.headers.contains_key("origin") || sites.into_iter().any(|site| site != "none");
    let by_network = rules.networks()
        && address.is_some_and(is_of_networks)
        && is_same_site
        && (rules.hosts() || !is_by_page);
    let is_loopback = match address {
        Some(IpAddr::V4(four)) => four.octets()[0] == 127,
        Some(IpAddr::V6(six)) => u128::from(six) == 1,
        None => false,
    };
    let is_for_loopback = matches!(&host, Ok(Some(host)) if host.is_loopback);
    let is_new = !matches!(parts.version, Version::HTTP_09 | Version::HTTP_10);
    let local = rules.local()
        && is_loopback
        && is_for_loopback
        && is_new
        && is_same_site
        && !is_forwarded(&parts.headers);
    let by_predicate = rules.predicate() && parts.headers.contains_key("x-admitted");
    has_token || by_network || local || by_predicate
}

fn token_is_known(headers: &HeaderMap) -> bool {
    let lines: Vec<_> = headers.get_all("authorization").iter().collect();
    let [line] = lines[..] else {
        return false;
    };
    let text = line.as_bytes();
    if text.len() < 7 || !text[..7].eq_ignore_ascii_case(b"bearer ") {
        return false;
    }
    TOKENS
        .iter()
        .any(|token| text[7..].trim_ascii() == token.as_bytes())
}

fn is_of_networks(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => match four.octets() {
            [10, 1, ..] => true,
            [127, 0, 0, last] => last < 4,
            _ => false,
        },
        IpAddr::V6(six) => u128::from(six) >> 16 == 0x2001_0db8_0000_0000_0000_0000_0000_0000 >> 16,
    }
}

/// Neither its origin nor what the browser says of it is of another site.
fn is_same_site(parts: &Parts) -> bool {
    let origins: Vec<_> = parts.headers.get_all("origin").iter().collect();
    let is_own = match origins[..] {
        [] => true,
        [origin] => page(origin.as_bytes()).is_some_and(|page| {
            matches!(host_of(parts), Ok(Some(host)) if page.host.is(&host, page.default_port))
        }),
        _ => false,
    };
    let mut sites = parts.headers.get_all("sec-fetch-site").iter();
    is_own && sites.all(|site| site == "same-origin" || site == "none")
}

fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| {
        let name = name.as_str().replace('_', "-");
        let starts = [
            "x-forward",
            "x-real",
            "x-client",
            "x-original",
            "x-envoy",
            "cf-",
        ];
        ["forwarded", "via", "true-client-ip"].contains(&name.as_str())
            || starts.iter().any(|start| name.starts_with(start))
    })
}

#[derive(Arbitrary, Debug)]
struct Call<'a> {
    host: u8,
    authority: Option<u8>,
    version: u8,
    peer: Option<[u8; 17]>,
    headers: Vec<(u8, Value<'a>)>,
}

#[derive(Arbitrary, Debug)]
enum Value<'a> {
    Known(u8),
    Raw(&'a [u8]),
}

impl Call<'_> {
    fn parts(&self) -> Option<(Parts, Option<SocketAddr>)> {
        let path = "/__broadcastWebSocket.wc";
        let uri = match self.authority {
            Some(index) => format!("http://{}{path}", pick(&HOSTS, index))
                .parse()
                .ok()?,
            None => Uri::from_static(path),
        };
        let versions = [
            Version::HTTP_11,
            Version::HTTP_10,
            Version::HTTP_2,
            Version::HTTP_09,
        ];
        let mut request = Request::post(uri).version(pick(&versions, self.version));
        if self.host != 0 {
            request = request.header("host", pick(&HOSTS, self.host));
        }
        let (mut parts, ()) = request.body(()).ok()?.into_parts();
        for (name, value) in &self.headers {
            let value = match value {
                Value::Known(index) => HeaderValue::from_static(pick(&VALUES, *index)),
                Value::Raw(raw) => HeaderValue::from_bytes(raw).ok()?,
            };
            parts
                .headers
                .append(HeaderName::from_static(pick(&NAMES, *name)), value);
        }
        let peer = self.peer.map(peer);
        if let Some(peer) = peer {
            parts.extensions.insert(PeerAddr(peer));
        }
        Some((parts, peer))
    }
}

fn pick<T: Clone>(from: &[T], index: u8) -> T {
    from[usize::from(index) % from.len()].clone()
}

const HOSTS: [&str; 15] = [
    "localhost",
    "localhost:3000",
    "LOCALHOST.:80",
    "app.localhost",
    "app.example",
    "app.example:8080",
    "evil.test",
    "127.0.0.1:3000",
    "127.9.9.9",
    "[::1]:3000",
    "[::ffff:127.0.0.1]",
    "128.0.0.1",
    "localhost.evil.test",
    "notlocalhost",
    "[::]",
];

const NAMES: [&str; 20] = [
    "authorization",
    "authorization",
    "origin",
    "sec-fetch-site",
    "host",
    "x-forwarded-for",
    "x_forwarded_for",
    "forwarded",
    "via",
    "true-client-ip",
    "x-real-ip",
    "x-client",
    "x-originally",
    "x-envoy",
    "cf-ray",
    "x-admitted",
    "user-agent",
    "cookie",
    "x-realm",
    "cf",
];

const VALUES: [&str; 32] = [
    "192.0.2.7, 10.1.0.1",
    "10.1.0.1,127.0.0.1",
    "for=192.0.2.7;proto=http, for=\"[2001:db8::7]:80\"",
    "for=10.1.0.1, For=\"127.0.0.1:9\"",
    "for=unknown",
    "for=_hidden;for=192.0.2.9",
    "[2001:db8::9]:443",
    "::ffff:192.0.2.8",
    "Bearer open-sesame",
    "bearer second",
    "BEARER  second ",
    "Bearer open-sesam",
    "Bearer open-sesame,second",
    "Basic second",
    "Bearer",
    "Bearer ",
    "open-sesame",
    "http://localhost",
    "http://localhost:3000",
    "https://app.example",
    "http://app.example:8080",
    "http://[::1]:3000",
    "null",
    "",
    "https://evil.test",
    "same-origin",
    "none",
    "cross-site",
    "same-site",
    "localhost",
    "app.example",
    "127.0.0.1",
];
