//! The copy of a handshake that outlives its connection's buffers.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use http::header::HOST;
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderValue, Uri};

use crate::config::ForwardHeaders;
use crate::middleware::server::forget_request;
use crate::protocol::{GroupId, UserId};

use super::block::{Block, UriText, header_name, header_value};
use super::stripped::{is_stripped, named_in_connection};

/// The request that opened a socket: its URL, headers, extensions and TCP peer.
///
/// Cheap to clone. Hooks get it whole; what is kept for the socket's life lacks the headers that
/// concern the connection or the handshake alone. Its `Debug` shows no header and no query, since
/// these carry secrets.
///
/// # Examples
///
/// ```
/// use web_connection_socket::Handshake;
///
/// fn session_cookie(handshake: &Handshake) -> Option<String> {
///     let cookies = handshake.header("cookie")?;
///     let mut pairs = cookies.to_str().ok()?.split("; ");
///     pairs.find_map(|pair| pair.strip_prefix("session=")).map(str::to_owned)
/// }
/// ```
#[derive(Clone)]
pub struct Handshake {
    shared: Arc<Shared>,
}

struct Shared {
    block: Block,
    extensions: Extensions,
    peer: Option<SocketAddr>,
}

impl Handshake {
    /// Copies everything out of a request.
    pub(crate) fn new(parts: &Parts, peer: Option<SocketAddr>) -> Self {
        let headers = parts
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()));
        let block = Block::new(UriText::of(&parts.uri), headers);
        Self {
            shared: Arc::new(Shared {
                block,
                extensions: parts.extensions.clone(),
                peer,
            }),
        }
    }

    /// Copies what later messages of the socket carry again.
    pub(crate) fn forwarded(&self, wanted: &ForwardHeaders) -> Self {
        let Shared {
            block,
            extensions,
            peer,
        } = &*self.shared;
        let hop_by_hop = named_in_connection(block.headers());
        let uri = block.uri();
        let host = (HOST.as_str(), uri.authority.as_bytes());
        // HTTP/2 has no `Host`; what it has instead is made into one.
        let lacks_host = block.headers().all(|(name, _)| name != host.0) && !host.1.is_empty();
        let kept = block.headers().filter(|(name, _)| {
            *name == host.0
                || wanted.wants(name)
                    && !is_stripped(name)
                    && !hop_by_hop
                        .iter()
                        .any(|named| named.eq_ignore_ascii_case(name.as_bytes()))
        });
        let block = Block::new(uri, lacks_host.then_some(host).into_iter().chain(kept));
        let mut extensions = extensions.clone();
        forget_request(&mut extensions);
        Self {
            shared: Arc::new(Shared {
                block,
                extensions,
                peer: *peer,
            }),
        }
    }

    /// Returns the URL as the request wrote it: mostly path and query alone.
    ///
    /// # Examples
    ///
    /// ```
    /// # use web_connection_socket::Handshake;
    /// fn is_secure(handshake: &Handshake) -> bool {
    ///     handshake.uri().scheme_str() == Some("https")
    /// }
    /// ```
    #[must_use]
    pub fn uri(&self) -> Uri {
        self.shared.block.uri().to_uri()
    }

    /// Returns the raw path.
    ///
    /// # Examples
    ///
    /// ```
    /// # use web_connection_socket::Handshake;
    /// fn is_admin(handshake: &Handshake) -> bool {
    ///     handshake.path().starts_with("/admin/")
    /// }
    /// ```
    #[must_use]
    pub fn path(&self) -> &str {
        self.shared.block.path()
    }

    /// Returns the first value of a header; its name is matched without regard to case.
    ///
    /// # Examples
    ///
    /// ```
    /// # use http::HeaderValue;
    /// # use web_connection_socket::Handshake;
    /// fn language(handshake: &Handshake) -> Option<HeaderValue> {
    ///     handshake.header("accept-language")
    /// }
    /// ```
    #[must_use]
    pub fn header(&self, name: &str) -> Option<HeaderValue> {
        self.header_all(name).next()
    }

    /// Returns every value of a header, in their order.
    ///
    /// # Examples
    ///
    /// ```
    /// # use web_connection_socket::Handshake;
    /// fn hops(handshake: &Handshake) -> usize {
    ///     handshake.header_all("x-forwarded-for").count()
    /// }
    /// ```
    pub fn header_all(&self, name: &str) -> impl Iterator<Item = HeaderValue> {
        let wanted = move |seen: &str| seen.eq_ignore_ascii_case(name);
        self.shared
            .block
            .headers()
            .filter(move |(seen, _)| wanted(seen))
            .map(|(_, value)| header_value(value))
    }

    /// Returns all headers, in a map made for this call.
    ///
    /// # Examples
    ///
    /// ```
    /// # use web_connection_socket::Handshake;
    /// fn dump(handshake: &Handshake) {
    ///     for name in handshake.headers().keys() {
    ///         println!("{name}");
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn headers(&self) -> HeaderMap {
        self.shared
            .block
            .headers()
            .map(|(name, value)| (header_name(name), header_value(value)))
            .collect()
    }

    /// Returns what other layers had put into the request.
    ///
    /// # Examples
    ///
    /// ```
    /// # use web_connection_socket::Handshake;
    /// #[derive(Clone)]
    /// struct Tenant(String);
    ///
    /// fn tenant(handshake: &Handshake) -> Option<Tenant> {
    ///     handshake.extensions().get::<Tenant>().cloned()
    /// }
    /// ```
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.shared.extensions
    }

    /// Returns the address of the TCP peer, if it is known: a proxy's, behind one.
    ///
    /// # Examples
    ///
    /// ```
    /// # use web_connection_socket::Handshake;
    /// fn is_loopback(handshake: &Handshake) -> bool {
    ///     handshake.peer_addr().is_some_and(|peer| peer.ip().is_loopback())
    /// }
    /// ```
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.shared.peer
    }

    /// Returns the first value of a query field, decoded; its name is matched without regard to
    /// case.
    ///
    /// # Examples
    ///
    /// ```
    /// # use web_connection_socket::Handshake;
    /// fn room(handshake: &Handshake) -> Option<String> {
    ///     handshake.query("room").map(String::from)
    /// }
    /// ```
    #[must_use]
    pub fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        self.query_all(name).next()
    }

    /// Returns every value of a query field, decoded, in their order.
    ///
    /// # Examples
    ///
    /// ```
    /// # use web_connection_socket::Handshake;
    /// fn rooms(handshake: &Handshake) -> Vec<String> {
    ///     handshake.query_all("room").map(String::from).collect()
    /// }
    /// ```
    pub fn query_all<'a>(&'a self, name: &str) -> impl Iterator<Item = Cow<'a, str>> {
        let query = self.shared.block.query();
        form_urlencoded::parse(query.as_bytes())
            .filter(move |(seen, _)| seen.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Reads who the client says it is: any visitor may say anything.
    pub(crate) fn claim(&self) -> (UserId, Vec<GroupId>) {
        let user = self
            .query("userId")
            .map(|user| UserId::from(&*user))
            .unwrap_or_default();
        let groups = self.query_all("groupId").filter(|group| !group.is_empty());
        (user, groups.map(|group| GroupId::from(&*group)).collect())
    }
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("path", &self.path())
            .field("peer", &self.shared.peer)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http::request::Parts;
    use http::{Request, Uri};

    use super::Handshake;
    use crate::config::{Config, ForwardHeaders};
    use crate::protocol::{GroupId, UserId};

    #[derive(Clone, Debug, PartialEq)]
    struct Tenant(u8);

    fn request(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::get(uri).extension(Tenant(7));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn forwarded(
        uri: &str,
        headers: &[(&str, &str)],
        wanted: &ForwardHeaders,
    ) -> Vec<(String, String)> {
        let kept = Handshake::new(&request(uri, headers), None).forwarded(wanted);
        let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
        kept.headers()
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect()
    }

    fn names(headers: &[(&str, &str)]) -> Vec<String> {
        forwarded("/", headers, &ForwardHeaders::All)
            .into_iter()
            .map(|(name, _)| name)
            .collect()
    }

    fn claim(query: &str) -> (UserId, Vec<GroupId>) {
        Handshake::new(
            &request(&format!("/__initializeSocket.wc?{query}"), &[]),
            None,
        )
        .claim()
    }

    #[test]
    fn everything_is_there_again() {
        let headers = [
            ("Host", "app.example"),
            ("cookie", "a=1"),
            ("x-tag", "one"),
            ("X-Tag", "two"),
        ];
        let mut parts = request("/a%20b/c?x=1&Y=%C3%A9+z&x=2", &headers);
        let odd = http::HeaderValue::from_bytes(b"caf\xe9").unwrap();
        parts.headers.insert("x-odd", odd.clone());
        let peer = Some(([192, 0, 2, 1], 5).into());
        let handshake = Handshake::new(&parts, peer);

        assert_eq!(handshake.uri(), parts.uri);
        assert_eq!(handshake.path(), "/a%20b/c");
        assert_eq!(handshake.headers(), parts.headers);
        assert_eq!(handshake.header("COOKIE").unwrap(), "a=1");
        assert_eq!(handshake.header("x-odd"), Some(odd));
        assert_eq!(handshake.header("x-none"), None);
        assert_eq!(
            handshake.header_all("x-tag").collect::<Vec<_>>(),
            ["one", "two"]
        );
        assert_eq!(handshake.query("y").unwrap(), "é z");
        assert_eq!(handshake.query_all("X").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(handshake.query("z"), None);
        assert_eq!(handshake.extensions().get(), Some(&Tenant(7)));
        assert_eq!(handshake.peer_addr(), peer);
    }

    #[test]
    fn every_form_of_url_survives() {
        for text in [
            "/",
            "*",
            "/?",
            "/a?b?c",
            "http://app.example",
            "https://u@app.example:1/x?y",
            "app.example:443",
        ] {
            let uri: Uri = text.parse().unwrap();
            let handshake = Handshake::new(&request(text, &[]), None);
            assert_eq!(handshake.uri(), uri, "{text}");
            assert_eq!(handshake.path(), uri.path(), "{text}");
            assert_eq!(
                handshake.forwarded(&ForwardHeaders::All).uri(),
                uri,
                "{text}"
            );
        }
    }

    #[test]
    fn debug_shows_neither_headers_nor_query() {
        let handshake = Handshake::new(&request("/a?token=secret", &[("cookie", "secret")]), None);
        let shown = format!("{handshake:?}");
        assert!(shown.contains("/a") && !shown.contains("secret"), "{shown}");
    }

    #[test]
    fn what_is_forwarded_makes_sense_without_the_connection() {
        let kept = names(&[
            ("host", "app.example"),
            ("connection", "Upgrade, X-Hop"),
            ("connection", "x-other-hop"),
            ("x-hop", "1"),
            ("X-Other-Hop", "1"),
            ("upgrade", "websocket"),
            ("sec-websocket-key", "x"),
            ("accept-encoding", "br"),
            ("origin", "https://app.example"),
            ("content-length", "0"),
            ("websocket_user_id", "forged"),
            ("WebSocket-Identity", "verified"),
            ("authorization", "Bearer x"),
            ("cookie", "a=1"),
            ("user-agent", "x"),
        ]);
        assert_eq!(kept, ["host", "authorization", "cookie", "user-agent"]);
    }

    #[test]
    fn connection_cannot_take_the_host_away() {
        assert_eq!(
            names(&[("host", "app.example"), ("connection", "host")]),
            ["host"]
        );
    }

    #[test]
    fn a_list_narrows_what_is_forwarded_and_never_widens_it() {
        let config = Config::new().forward_headers(["Cookie", "origin", "websocket-user-id"]);
        let headers = [
            ("host", "app.example"),
            ("cookie", "a=1"),
            ("cookie", "b=2"),
            ("user-agent", "x"),
            ("origin", "https://app.example"),
            ("websocket-user-id", "forged"),
        ];
        let kept = forwarded("/", &headers, &config.forward_headers);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            kept,
            [
                pair("host", "app.example"),
                pair("cookie", "a=1"),
                pair("cookie", "b=2")
            ]
        );
    }

    #[test]
    fn the_authority_of_http_2_becomes_the_host() {
        let kept = forwarded("https://app.example:8443/x", &[], &ForwardHeaders::All);
        assert_eq!(kept, [("host".to_owned(), "app.example:8443".to_owned())]);
        let both = [("host", "app.example")];
        assert_eq!(
            forwarded("https://app.example/", &both, &ForwardHeaders::All).len(),
            1
        );
    }

    #[test]
    fn extensions_are_forwarded_without_those_of_the_request() {
        let mut parts = request("/", &[]);
        parts
            .extensions
            .insert(hyper::ext::Protocol::from_static("websocket"));
        #[cfg(feature = "axum")]
        parts
            .extensions
            .insert(axum::extract::OriginalUri(Uri::from_static("/")));
        let kept = Handshake::new(&parts, None).forwarded(&ForwardHeaders::All);
        assert_eq!(kept.extensions().get(), Some(&Tenant(7)));
        assert_eq!(kept.extensions().len(), 1);
    }

    #[test]
    fn s09_the_query_claims_a_user_and_groups_in_any_case() {
        let groups = |names: &[&str]| {
            names
                .iter()
                .map(|name| GroupId::from(*name))
                .collect::<Vec<_>>()
        };
        assert_eq!(claim(""), (UserId::default(), groups(&[])));
        assert_eq!(
            claim("groupId=chat&userId=RickFox"),
            ("RickFox".into(), groups(&["chat"]))
        );
        assert_eq!(
            claim("GROUPID=a&groupid=&groupId=b+c&USERID=x%2Fy"),
            ("x/y".into(), groups(&["a", "b c"]))
        );
        assert_eq!(claim("userId=one&userId=two"), ("one".into(), groups(&[])));
        assert_eq!(
            claim("xuserId=ann&user=bob"),
            (UserId::default(), groups(&[]))
        );
    }
}
