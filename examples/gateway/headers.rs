//! Which headers go through the gateway, and which it writes itself.

use std::{borrow::Cow, net::SocketAddr, sync::Arc};

use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode, Version,
    header::{
        CONNECTION, CONTENT_LENGTH, COOKIE, FORWARDED, HOST, PROXY_AUTHENTICATE, TE,
        TRANSFER_ENCODING, UPGRADE,
    },
    request::Parts,
};

use web_connection_socket::{PeerAddr, Rejection, config::IpNet};

/// What the gateway says of a visitor, beside what the visitor says.
#[derive(Clone, Debug)]
pub(crate) struct Forwarding {
    /// Whether visitors come over TLS.
    pub(crate) is_tls: bool,
    /// The proxies in front, which say who the visitor is.
    pub(crate) trusted: Arc<[IpNet]>,
}

impl Forwarding {
    /// Makes the headers of the request to the application.
    ///
    /// # Errors
    ///
    /// If two servers could disagree about the host that was asked for.
    pub(crate) fn request_headers(&self, parts: &mut Parts) -> Result<HeaderMap, Rejection> {
        let peer = parts.extensions.get::<PeerAddr>().map(|peer| peer.0);
        let host = host(parts)?;
        let received = std::mem::take(&mut parts.headers);
        let is_trusted = peer.is_some_and(|peer| self.trusts(peer));
        let takes_trailers = has_token(&received, TE, "trailers");
        let named = named_in_connection(&received);

        let mut headers = HeaderMap::with_capacity(received.keys_len() + 4);
        let mut cookies = Vec::new();
        let mut current = None;
        for (name, value) in received {
            if let Some(name) = name {
                let is_dropped = is_dropped(&name, is_trusted) || named.contains(&name);
                current = (!is_dropped).then_some(name);
            }
            let Some(name) = &current else { continue };
            if *name == COOKIE {
                cookies.push(value);
            } else {
                headers.append(name, value);
            }
        }
        if let Some(cookie) = join(cookies, b"; ") {
            headers.insert(COOKIE, cookie);
        }
        if takes_trailers {
            headers.insert(TE, HeaderValue::from_static("trailers"));
        }
        self.name_visitor(&mut headers, peer, host.as_ref());
        if let Some(host) = host {
            headers.insert(HOST, host);
        }
        Ok(headers)
    }

    fn trusts(&self, peer: SocketAddr) -> bool {
        let peer = peer.ip().to_canonical();
        self.trusted.iter().any(|network| network.contains(&peer))
    }

    /// Adds who asks, and for what. What a trusted proxy said of it is here already.
    ///
    /// RFC 9110 §7.6.3 also asks for a `Via`. Like other gateways this one leaves it out: servers
    /// compress nothing for proxies that they do not know.
    fn name_visitor(
        &self,
        headers: &mut HeaderMap,
        peer: Option<SocketAddr>,
        host: Option<&HeaderValue>,
    ) {
        let peer = peer.map(|peer| peer.ip().to_canonical().to_string());
        let peer = peer.as_deref().unwrap_or("unknown");
        let mut chain: Vec<_> = headers.get_all(FORWARDED_FOR).iter().cloned().collect();
        chain.extend(HeaderValue::from_str(peer));
        if let Some(chain) = join(chain, b", ") {
            headers.insert(FORWARDED_FOR, chain);
        }
        let scheme = if self.is_tls { "https" } else { "http" };
        if !headers.contains_key(FORWARDED_PROTO) {
            headers.insert(FORWARDED_PROTO, HeaderValue::from_static(scheme));
        }
        if let (Some(host), false) = (host, headers.contains_key(FORWARDED_HOST)) {
            headers.insert(FORWARDED_HOST, host.clone());
        }
        if headers.contains_key(FORWARDED) {
            // RFC 7239 §6: an IPv6 address stands in brackets and quotes.
            let node = if peer.contains(':') {
                format!("for=\"[{peer}]\";proto={scheme}")
            } else {
                format!("for={peer};proto={scheme}")
            };
            if let Ok(node) = HeaderValue::from_str(&node) {
                headers.append(FORWARDED, node);
            }
        }
    }
}

/// Removes from an answer what concerned the connection to the application alone.
pub(crate) fn clean_answer(headers: &mut HeaderMap) {
    for name in named_in_connection(headers) {
        headers.remove(name);
    }
    if headers.contains_key(TRANSFER_ENCODING) {
        // RFC 9112 §6.3: the transfer coding says where the body ends, and the length lies.
        headers.remove(CONTENT_LENGTH);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
    headers.remove(PROXY_AUTHENTICATE);
}

/// Asks the next server to switch to WebSocket, or says that it has.
pub(crate) fn ask_for_websocket(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
}

/// Tells whether a header lists a token, in any case.
pub(crate) fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    tokens(headers, name).any(|seen| seen.eq_ignore_ascii_case(token.as_bytes()))
}

fn tokens(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &[u8]> {
    let lines = headers.get_all(name).into_iter();
    lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
}

/// Collects the names that `Connection` declares hop-by-hop (RFC 9110 §7.6.1).
fn named_in_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    tokens(headers, CONNECTION)
        .filter_map(|name| HeaderName::from_bytes(name).ok())
        .collect()
}

/// Tells whether the application must not see a header as the visitor sent it: it concerns one
/// connection alone, or the application would take it for one of the gateway's.
fn is_dropped(name: &HeaderName, is_trusted: bool) -> bool {
    let name = name.as_str();
    if HOP_BY_HOP.contains(&name) || NOT_FORWARDED.contains(&name) {
        return true;
    }
    let read = as_applications_read(name);
    let is_ours = read.starts_with("websocket-") || read.starts_with("signature");
    let is_of_proxy = read.starts_with("x-forwarded") || PROXYS.contains(&&*read);
    // Two spellings of one name: the proxy wrote the one with hyphens.
    is_ours || is_of_proxy && !(is_trusted && read == name)
}

/// CGI and its successors write every sign of a name that is no letter or digit as `_`.
fn as_applications_read(name: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if name.bytes().all(is_plain) {
        return Cow::Borrowed(name);
    }
    let read = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    Cow::Owned(name.chars().map(read).collect())
}

/// Finds the host that was asked for; none in HTTP/1.0.
fn host(parts: &Parts) -> Result<Option<HeaderValue>, Rejection> {
    // What follows on the connection may be the rest of an attack.
    let close = HeaderValue::from_static("close");
    let refusal = Rejection::new(StatusCode::BAD_REQUEST).header(CONNECTION, close);
    let refuse = |why| Err(refusal.detail(why));
    let mut lines = parts.headers.get_all(HOST).iter();
    let (header, second) = (lines.next(), lines.next());
    if second.is_some() {
        return refuse("The request has two Host headers.");
    }
    match (parts.uri.authority(), header) {
        // RFC 9112 §3.2.2: a request for `http://host/` is for that host, whatever the header says.
        (Some(asked), Some(header))
            if !header
                .as_bytes()
                .eq_ignore_ascii_case(asked.as_str().as_bytes()) =>
        {
            refuse("The request's URL and its Host header differ.")
        }
        (_, Some(header)) => Ok(Some(header.clone())),
        (Some(asked), None) => match HeaderValue::from_str(asked.as_str()) {
            Ok(host) => Ok(Some(host)),
            Err(_) => refuse("The request's host is not a name or address."),
        },
        (None, None) if parts.version <= Version::HTTP_10 => Ok(None),
        (None, None) => refuse("The request has no Host header."),
    }
}

/// Joins the lines of a header: HTTP/2 may split cookies (RFC 9113 §8.2.3), proxies add lines.
fn join(mut lines: Vec<HeaderValue>, between: &[u8]) -> Option<HeaderValue> {
    if lines.len() < 2 {
        return lines.pop();
    }
    let joined: Vec<_> = lines.iter().map(HeaderValue::as_bytes).collect();
    HeaderValue::from_bytes(&joined.join(between)).ok()
}

/// Concern one connection (RFC 9110 §7.6.1); hyper writes those that it needs. `Trailer` stays: it says
/// which trailers follow, and they are passed on.
const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
    "proxy-authentication-info",
];

/// What the gateway reads itself. `Expect`: it has asked for the body by then.
const NOT_FORWARDED: [&str; 4] = ["content-length", "expect", "host", "proxy-authorization"];

/// Beside `X-Forwarded-…`, what applications take for the word of a proxy.
const PROXYS: [&str; 2] = ["forwarded", "x-real-ip"];

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
