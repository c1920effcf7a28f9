//! The copy of a handshake that a socket keeps.

use std::{borrow::Cow, fmt, net::SocketAddr, sync::Arc};

use http::{
    Extensions, HeaderMap, HeaderValue, Uri,
    header::{COOKIE, HOST},
    request::Parts,
};

use super::{
    header_pool::HeaderPool,
    hop_by_hop::{is_stripped, named_in_connection},
    packed::{Header, Packed, SharedHeader, UriText},
    positions::{POSITION, without_positions},
};
use crate::{
    config::ForwardHeaders,
    middleware::request::{ClientAddr, forget_request, says_whence},
    protocol::{GroupId, UserId},
};

/// The request that opened a socket: its URL, headers, extensions and TCP peer.
///
/// It is cheap to clone. `identify` gets the whole request; the copy that the socket keeps leaves out
/// the headers of the connection and the handshake itself. Several `Cookie` lines, into which HTTP/2
/// may split the header, are joined. `Debug` shows no header and no query, since they carry secrets.
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
    /// Copies a whole request.
    pub(crate) fn new(parts: &Parts, peer: Option<SocketAddr>, client: Option<ClientAddr>) -> Self {
        let cookies = joined_cookies(&parts.headers);
        let mut cookies = cookies.as_deref();
        let headers = parts.headers.iter().filter_map(|(name, value)| {
            // The first line takes the place of all.
            let value = if name == COOKIE {
                cookies.take()?
            } else {
                value.as_bytes()
            };
            Some((name.as_str(), value))
        });
        let packed = Packed::new(UriText::split(&parts.uri), headers, |_, _| None);
        Self {
            shared: Arc::new(Shared {
                packed,
                extensions: parts.extensions.clone(),
                peer,
                client,
            }),
        }
    }

    /// Copies the headers and extensions that a message carries again.
    pub(crate) fn forwarded(&self, wanted: &ForwardHeaders) -> Self {
        self.copy(self.shared.packed.uri(), wanted, |_, _| None)
    }

    /// Does the same for a socket, which keeps them for all its messages: the headers that other
    /// sockets have as well are taken from the pool, and positions are left out of the URL.
    pub(crate) fn kept(&self, wanted: &ForwardHeaders, pool: &HeaderPool) -> Self {
        let uri = self.shared.packed.uri();
        let share = |name: &str, value: &[u8]| pool.share(name, value);
        if self.asks_to_resume() {
            let shorter = without_positions(uri.path_and_query);
            return self.copy(uri.with(&shorter), wanted, share);
        }
        self.copy(uri, wanted, share)
    }

    fn copy(
        &self,
        uri: UriText<'_>,
        wanted: &ForwardHeaders,
        share: impl Fn(&str, &[u8]) -> Option<Arc<SharedHeader>>,
    ) -> Self {
        let Shared {
            packed,
            extensions,
            peer,
            client,
        } = &*self.shared;
        let all = || (packed.headers()).map(|header| (header.name(), header.value()));
        let hop_by_hop = named_in_connection(all());
        let host = (HOST.as_str(), uri.authority.as_bytes());
        // HTTP/2 has an authority instead of `Host`.
        let lacks_host = all().all(|(name, _)| name != host.0) && !host.1.is_empty();
        let kept = all().filter(|(name, _)| {
            let is_named = || {
                let same = |named: &&[u8]| named.eq_ignore_ascii_case(name.as_bytes());
                hop_by_hop.iter().any(same)
            };
            // A visitor's `Connection` takes nothing away from what a proxy has added.
            let may_stay = || says_whence(name) || !is_named();
            *name == host.0 || wanted.wants(name) && !is_stripped(name) && may_stay()
        });
        let packed = Packed::new(
            uri,
            lacks_host.then_some(host).into_iter().chain(kept),
            share,
        );
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

    /// Returns the URL of the request: over HTTP/1.1 usually path and query only.
    #[must_use]
    pub fn uri(&self) -> Uri {
        self.shared.packed.uri().to_uri()
    }

    /// Returns the path, not decoded.
    #[must_use]
    pub fn path(&self) -> &str {
        self.shared.packed.path()
    }

    /// Returns the first value of a header, whose name is case-insensitive.
    ///
    /// Lists such as `X-Forwarded-For` may span several lines: see [`header_all`](Self::header_all).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<HeaderValue> {
        self.header_all(name).next()
    }

    /// Returns all values of a header, in order.
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
            .filter(move |header| wanted(header.name()))
            .map(|header| header.to_http().1)
    }

    /// Returns all headers. Each call builds the map anew.
    #[must_use]
    pub fn headers(&self) -> HeaderMap {
        let packed = &self.shared.packed;
        let mut headers = HeaderMap::with_capacity(packed.headers().count() + ROOM_FOR_OURS);
        for (name, value) in packed.headers().map(Header::to_http) {
            headers.append(name, value);
        }
        headers
    }

    /// Returns the extensions that outer layers inserted into the request.
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

    /// Returns the address of the TCP peer, if it is known. Behind a proxy it is the proxy's.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.shared.peer
    }

    /// Returns the client's address: the TCP peer's, or the one that
    /// [`Config::trusted_proxies`](crate::Config::trusted_proxies) report. `None` if the peer is
    /// unknown.
    #[must_use]
    pub fn client_addr(&self) -> Option<ClientAddr> {
        self.shared.client
    }

    /// Returns the first value of a query field, decoded. Its name is case-insensitive.
    ///
    /// Escapes are decoded once, `+` is a space as in forms, and a `%` without two hexadecimal digits
    /// stands for itself. A query that is not UTF-8 is refused with 400 before a hook sees it, so no
    /// character is a replacement.
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

    /// Returns all values of a query field, decoded as by [`query`](Self::query), in order.
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

    /// Reads the user and groups that the client claims, unverified.
    pub(crate) fn claim(&self) -> (UserId, Vec<GroupId>) {
        let user = self.query("userId");
        let user = user.map_or_else(UserId::default, |user| UserId::from(&*user));
        let groups = self.query_all("groupId").filter(|group| !group.is_empty());
        let groups = groups.map(|group| GroupId::from(&*group)).collect();
        (user, groups)
    }

    /// Returns how far the client says that it has come in its streams, if it wants to go on there.
    pub(crate) fn positions(&self) -> Option<impl Iterator<Item = Cow<'_, str>>> {
        self.asks_to_resume().then(|| self.query_all(POSITION))
    }

    fn asks_to_resume(&self) -> bool {
        self.query("resume").is_some_and(|value| value == "1")
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

/// Joins the lines of `Cookie`, if there are any.
///
/// RFC 9113 §8.2.3: an HTTP/2 client may split the header; it is joined before it reaches an
/// application that does not speak HTTP/2.
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

/// Room for the headers that a dispatch adds: a map that grows hashes all its names again.
const ROOM_FOR_OURS: usize = 10;
