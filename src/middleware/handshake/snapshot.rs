//! The copy of a handshake that outlives its connection's buffers.

use std::{borrow::Cow, fmt, net::SocketAddr, sync::Arc};

use http::{
    Extensions, HeaderMap, HeaderValue, Uri,
    header::{COOKIE, HOST},
    request::Parts,
};

use super::{
    hop_by_hop::{is_stripped, named_in_connection},
    packed::{Packed, UriText, header_name, header_value},
};
use crate::{
    config::ForwardHeaders,
    middleware::request::{ClientAddr, forget_request},
    protocol::{GroupId, UserId},
};

/// The request that opened a socket: its URL, headers, extensions and TCP peer.
///
/// Cheap to clone. Hooks get it whole; what is kept for the socket's life lacks the headers that
/// concern the connection or the handshake alone. Several `Cookie` lines, into which HTTP/2 may split
/// the header, are one, as if they had come over HTTP/1.1. Its `Debug` shows no header and no query, since
/// these carry secrets.
///
/// # Examples
///
/// ```
/// use web_connection_socket::Handshake;
///
/// fn session_cookie(handshake: &Handshake) -> Option<String> {
///     let cookies = handshake.header("cookie")?;
///     let cookies = String::from_utf8_lossy(cookies.as_bytes());
///     let mut cookies = cookie::Cookie::split_parse(cookies).flatten();
///     let session = cookies.find(|cookie| cookie.name() == "session")?;
///     Some(session.value().to_owned())
/// }
/// ```
#[derive(Clone)]
pub struct Handshake {
    shared: Arc<Shared>,
}

struct Shared {
    packed: Packed,
    extensions: Extensions,
    peer: Option<SocketAddr>,
    client: Option<ClientAddr>,
}

impl Handshake {
    /// Copies everything out of a request.
    pub(crate) fn new(parts: &Parts, peer: Option<SocketAddr>, client: Option<ClientAddr>) -> Self {
        let cookies = joined_cookies(&parts.headers);
        let mut cookies = cookies.as_deref();
        let headers = parts.headers.iter().filter_map(|(name, value)| {
            // The first line stands for all.
            let value = if name == COOKIE {
                cookies.take()?
            } else {
                value.as_bytes()
            };
            Some((name.as_str(), value))
        });
        let packed = Packed::new(UriText::split(&parts.uri), headers);
        Self {
            shared: Arc::new(Shared {
                packed,
                extensions: parts.extensions.clone(),
                peer,
                client,
            }),
        }
    }

    /// Copies what later messages of the socket carry again.
    pub(crate) fn forwarded(&self, wanted: &ForwardHeaders) -> Self {
        let Shared {
            packed,
            extensions,
            peer,
            client,
        } = &*self.shared;
        let hop_by_hop = named_in_connection(packed.headers());
        let uri = packed.uri();
        let host = (HOST.as_str(), uri.authority.as_bytes());
        // HTTP/2 has no `Host`; what it has instead is made into one.
        let lacks_host = packed.headers().all(|(name, _)| name != host.0) && !host.1.is_empty();
        let kept = packed.headers().filter(|(name, _)| {
            *name == host.0
                || wanted.wants(name)
                    && !is_stripped(name)
                    && !hop_by_hop
                        .iter()
                        .any(|named| named.eq_ignore_ascii_case(name.as_bytes()))
        });
        let packed = Packed::new(uri, lacks_host.then_some(host).into_iter().chain(kept));
        let mut extensions = extensions.clone();
        forget_request(&mut extensions);
        Self {
            shared: Arc::new(Shared {
                packed,
                extensions,
                peer: *peer,
                client: *client,
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
        self.shared.packed.uri().to_uri()
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
        self.shared.packed.path()
    }

    /// Returns the first value of a header; its name is matched without regard to case.
    ///
    /// Lists such as `X-Forwarded-For` may stand on several lines: [`header_all`](Self::header_all).
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
            .packed
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
        let packed = &self.shared.packed;
        let mut headers = HeaderMap::with_capacity(packed.headers().count() + ROOM_FOR_OURS);
        for (name, value) in packed.headers() {
            headers.append(header_name(name), header_value(value));
        }
        headers
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

    /// Returns the address that the visitor comes from: the TCP peer's, or what the
    /// [`Config::trusted_proxies`](crate::Config::trusted_proxies) say it is. `None` if the peer is
    /// not known.
    ///
    /// # Examples
    ///
    /// ```
    /// # use web_connection_socket::Handshake;
    /// fn log(handshake: &Handshake) {
    ///     if let Some(client) = handshake.client_addr() {
    ///         println!("{client} comes in");
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn client_addr(&self) -> Option<ClientAddr> {
        self.shared.client
    }

    /// Returns the first value of a query field, decoded; its name is matched without regard to
    /// case.
    ///
    /// Escapes are decoded once and `+` is a space, as forms write it; a `%` without two hexadecimal
    /// digits stands for itself. A handshake whose query is not UTF-8 when decoded is refused with 400
    /// before a hook sees it, so nothing in here is a replacement of anything.
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

    /// Returns every value of a query field, decoded as by [`query`](Self::query), in their order.
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
        let query = self.shared.packed.query();
        form_urlencoded::parse(query.as_bytes())
            .filter(move |(seen, _)| seen.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Reads who the client says it is: any visitor may say anything.
    pub(crate) fn claim(&self) -> (UserId, Vec<GroupId>) {
        let user = self.query("userId").unwrap_or_default();
        let groups = self.query_all("groupId").filter(|group| !group.is_empty());
        let groups = groups.map(|group| GroupId::from(&*group)).collect();
        (UserId::from(&*user), groups)
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

/// Joins the lines of `Cookie`; none if there is no such header.
///
/// RFC 9113 §8.2.3: a client may split the header over HTTP/2; it is joined again before it reaches
/// anything that does not speak HTTP/2.
fn joined_cookies(headers: &HeaderMap) -> Option<Cow<'_, [u8]>> {
    let mut lines = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
    let mut joined = Cow::Borrowed(lines.next()?);
    for line in lines {
        let joined = joined.to_mut();
        joined.extend_from_slice(b"; ");
        joined.extend_from_slice(line);
    }
    Some(joined)
}

/// Room for the headers that a dispatch adds: a map that has to grow hashes all its names again.
const ROOM_FOR_OURS: usize = 10;
