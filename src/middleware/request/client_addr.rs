//! The client's address, found through the trusted proxies.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use http::{HeaderMap, HeaderName, header::FORWARDED};

use crate::config::{ClientHeader, Proxies};

/// The address of a client, as far as it is proven.
///
/// It is the TCP peer's, or, where the peer is one of
/// [`Config::trusted_proxies`](crate::Config::trusted_proxies), the one that these report. It counts
/// sockets and is for display; it never admits a caller to the reserved URLs, which depend on the TCP
/// peer. See [`Handshake::client_addr`](crate::Handshake::client_addr).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddr(IpAddr);

impl ClientAddr {
    /// Returns the address.
    #[must_use]
    pub fn ip(self) -> IpAddr {
        self.0
    }

    /// Follows the chain of trusted proxies from the TCP peer to the address that the last one names.
    ///
    /// Without a peer nothing is proven. A trusted proxy that names no readable address is itself the
    /// client.
    pub(crate) fn find(
        proxies: &Proxies,
        headers: &HeaderMap,
        peer: Option<SocketAddr>,
    ) -> Option<Self> {
        let mut client = peer?.ip().to_canonical();
        let mut hops = hops(proxies.header, headers);
        while proxies.trust(client) {
            match hops.next() {
                Some(Some(hop)) => client = hop,
                Some(None) | None => break,
            }
        }
        Some(Self(client))
    }
}

impl From<ClientAddr> for IpAddr {
    fn from(client: ClientAddr) -> Self {
        client.0
    }
}

impl fmt::Display for ClientAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Iterates over the addresses of a header, nearest first; none for an unreadable one. Several lines
/// are one list.
fn hops(header: ClientHeader, headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> {
    let name = match header {
        ClientHeader::XForwardedFor => X_FORWARDED_FOR,
        ClientHeader::Forwarded => FORWARDED,
    };
    let lines = headers.get_all(name).iter().rev();
    lines
        .flat_map(|line| split_from_right(line.as_bytes(), b','))
        .map(move |element| match header {
            ClientHeader::XForwardedFor => address(element),
            ClientHeader::Forwarded => forwarded_for(element),
        })
}

/// Reads one element of `Forwarded`, RFC 7239 §4.
fn forwarded_for(element: &[u8]) -> Option<IpAddr> {
    let mut nodes = split_from_right(element, b';').filter_map(|pair| {
        let at = pair.iter().position(|&byte| byte == b'=')?;
        let (name, value) = (&pair[..at], &pair[at + 1..]);
        name.trim_ascii()
            .eq_ignore_ascii_case(b"for")
            .then_some(value)
    });
    let node = nodes.next()?.trim_ascii();
    if nodes.next().is_some() {
        return None;
    }
    let unquoted = node
        .strip_prefix(b"\"")
        .and_then(|node| node.strip_suffix(b"\""));
    address(unquoted.unwrap_or(node))
}

/// Reads an address, with or without a port, and of IPv6 with or without brackets.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = || Some(text.parse::<SocketAddr>().ok()?.ip());
    let address: Option<IpAddr> = text.parse().ok();
    let address = address.or_else(bracketed).or_else(with_port)?;
    Some(address.to_canonical())
}

/// Splits at a separator outside of quotes, from the right: the client wrote the left part, and a quote
/// that it leaves open must not swallow what the proxy wrote.
///
/// RFC 9110 §5.6.4: a quote behind a backslash does not end the text. A proxy escapes so what the
/// client sent, for example a `Host`.
fn split_from_right(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut quoted = false;
        let at = (0..text.len()).rfind(|&at| {
            quoted ^= text[at] == b'"' && !is_escaped(&text[..at]);
            text[at] == separator && !quoted
        });
        let (left, part) = match at {
            Some(at) => (Some(&text[..at]), &text[at + 1..]),
            None => (None, text),
        };
        rest = left;
        Some(part)
    })
}

/// Tells whether the byte behind this text is escaped: an odd number of backslashes precedes it.
fn is_escaped(before: &[u8]) -> bool {
    let backslashes = before.iter().rev().take_while(|&&byte| byte == b'\\');
    backslashes.count() % 2 == 1
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::config::{Config, IpNet};

    fn find(header: ClientHeader, lines: &[&[u8]], peer: &str) -> Option<String> {
        let networks = ["10.0.0.0/8", "2001:db8:f::/48"];
        let networks = networks.map(|network| network.parse::<IpNet>().unwrap());
        let config = Config::new().trusted_proxies(networks);
        let proxies = config.client_header(header).proxies;
        let name = match header {
            ClientHeader::Forwarded => FORWARDED,
            ClientHeader::XForwardedFor => X_FORWARDED_FOR,
        };
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(&name, HeaderValue::from_bytes(line).unwrap());
        }
        let peer = peer.parse().ok();
        ClientAddr::find(&proxies, &headers, peer).map(|client| client.to_string())
    }

    #[test]
    fn the_client_is_the_first_from_the_right_that_is_not_a_trusted_proxy() {
        for (lines, expected) in [
            (&["192.0.2.1"] as &[&str], "192.0.2.1"),
            (&["1.1.1.1, 192.0.2.1"], "192.0.2.1"),
            (&["1.1.1.1, 192.0.2.1, 10.2.2.2 ,10.3.3.3"], "192.0.2.1"),
            // Several lines are one list.
            (&["192.0.2.1", "10.2.2.2"], "192.0.2.1"),
            (&["1.1.1.1", "10.2.2.2, 192.0.2.1"], "192.0.2.1"),
            // With ports, brackets, and IPv4 mapped into IPv6.
            (&["192.0.2.1:50123"], "192.0.2.1"),
            (&["::ffff:192.0.2.1, ::ffff:10.2.2.2"], "192.0.2.1"),
            (&["2001:db8::1"], "2001:db8::1"),
            (&["[2001:db8::1]"], "2001:db8::1"),
            (&["[2001:db8::1]:443, 2001:db8:f::7"], "2001:db8::1"),
            // An address that cannot be read ends the chain.
            (&["192.0.2.1, unknown"], "10.1.1.1"),
            (&["192.0.2.1, "], "10.1.1.1"),
            (&["192.0.2.1, 10.2.2.2.2, 10.3.3.3"], "10.3.3.3"),
            (&["192.0.2.1, fe80::1%eth0, 10.2.2.2"], "10.2.2.2"),
            (&["192.0.2.1 10.2.2.2"], "10.1.1.1"),
            // No other address is named.
            (&[], "10.1.1.1"),
            (&["10.2.2.2"], "10.2.2.2"),
        ] {
            let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
            let seen = find(ClientHeader::XForwardedFor, &lines, "10.1.1.1:5");
            assert_eq!(seen.as_deref(), Some(expected), "{lines:?}");
        }
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_writes_it() {
        for (lines, expected) in [
            (&["for=192.0.2.1"] as &[&str], "192.0.2.1"),
            (&["proto=https; FOR = 192.0.2.1;by=10.1.1.1"], "192.0.2.1"),
            (&[r#"for="192.0.2.1:4711""#], "192.0.2.1"),
            (&[r#"for="[2001:db8::1]:4711";by=x"#], "2001:db8::1"),
            (
                &[r#"for=1.1.1.1, for=192.0.2.1;host="a,b;for=9.9.9.9""#],
                "192.0.2.1",
            ),
            (&["for=192.0.2.1", "for=10.2.2.2"], "192.0.2.1"),
            // Text of the client that a proxy quotes says nothing.
            (
                &[r#"for=192.0.2.1;host="\", for=9.9.9.9;x=\"""#],
                "192.0.2.1",
            ),
            (
                &[r#"for=192.0.2.1;host="a\\\", for=9.9.9.9;x=\"""#],
                "192.0.2.1",
            ),
            (
                &[r#"host="\";for=9.9.9.9;x=\"";for=192.0.2.1"#],
                "192.0.2.1",
            ),
            (&[r#"for=192.0.2.1;host="a\\""#], "192.0.2.1"),
            // A quote that the client leaves open swallows nothing that the proxy wrote.
            (&[r#"for="9.9.9.9, for=192.0.2.1"#], "192.0.2.1"),
            (&[r#"for="9.9.9.9\, for="[2001:db8::1]""#], "2001:db8::1"),
            // No address, or more than one.
            (&["for=192.0.2.1, for=unknown"], "10.1.1.1"),
            (&["for=192.0.2.1, for=_hidden"], "10.1.1.1"),
            (&["for=192.0.2.1, proto=https"], "10.1.1.1"),
            (&["for=192.0.2.1;for=192.0.2.2"], "10.1.1.1"),
            (&[r#"for="192.0.2.1"#], "10.1.1.1"),
            (&["192.0.2.1"], "10.1.1.1"),
        ] {
            let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
            let seen = find(ClientHeader::Forwarded, &lines, "10.1.1.1:5");
            assert_eq!(seen.as_deref(), Some(expected), "{lines:?}");
        }
    }

    #[test]
    fn bytes_that_are_not_text_spoil_only_their_own_element() {
        let spoiled = b"\xff\xfe, 192.0.2.1";
        let seen = find(ClientHeader::XForwardedFor, &[spoiled], "10.1.1.1:5");
        assert_eq!(seen.as_deref(), Some("192.0.2.1"));
    }

    #[test]
    fn a_peer_that_is_not_a_trusted_proxy_is_the_client_whatever_it_sends() {
        for (peer, expected) in [
            ("192.0.2.9:5", Some("192.0.2.9")),
            ("127.0.0.1:5", Some("127.0.0.1")),
            ("[::ffff:192.0.2.9]:5", Some("192.0.2.9")),
            ("[2001:db8::9]:5", Some("2001:db8::9")),
            ("", None),
        ] {
            let seen = find(ClientHeader::XForwardedFor, &[b"192.0.2.1"], peer);
            assert_eq!(seen.as_deref(), expected, "{peer}");
        }
        let seen = find(
            ClientHeader::XForwardedFor,
            &[b"192.0.2.1"],
            "[2001:db8:f::1]:5",
        );
        assert_eq!(seen.as_deref(), Some("192.0.2.1"));
    }

    #[test]
    fn the_other_header_is_not_read() {
        let proxies = Config::new().trusted_proxies(["10.0.0.0/8".parse::<IpNet>().unwrap()]);
        let headers =
            HeaderMap::from_iter([(FORWARDED, HeaderValue::from_static("for=192.0.2.1"))]);
        let peer = "10.1.1.1:5".parse().ok();
        let seen = ClientAddr::find(&proxies.proxies, &headers, peer).unwrap();
        assert_eq!(seen.ip(), IpAddr::from([10, 1, 1, 1]));
    }
}
