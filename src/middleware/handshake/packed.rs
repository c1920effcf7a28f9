//! A URL and headers packed into one allocation.

use http::{
    HeaderName, HeaderValue, Uri,
    uri::{Authority, Parts, PathAndQuery, Scheme},
};

/// A copy of a URL and headers: 0.7 KiB, where hyper's values would keep the server's read buffer
/// alive, 8 to 10 KiB for each socket.
pub(super) struct Packed {
    bytes: Box<[u8]>,
    scheme_end: usize,
    authority_end: usize,
    path_end: usize,
    uri_end: usize,
}

impl Packed {
    pub(super) fn new<'a>(
        uri: UriText<'_>,
        headers: impl Iterator<Item = (&'a str, &'a [u8])>,
    ) -> Self {
        let mut bytes = Vec::with_capacity(1024);
        bytes.extend_from_slice(uri.scheme.as_bytes());
        let scheme_end = bytes.len();
        bytes.extend_from_slice(uri.authority.as_bytes());
        let authority_end = bytes.len();
        bytes.extend_from_slice(uri.path_and_query.as_bytes());
        let uri_end = bytes.len();
        let path_length = uri
            .path_and_query
            .find('?')
            .unwrap_or(uri.path_and_query.len());
        for (name, value) in headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.push(b':');
            bytes.extend_from_slice(value);
            bytes.push(b'\n');
        }
        Self {
            bytes: bytes.into(),
            scheme_end,
            authority_end,
            path_end: authority_end + path_length,
            uri_end,
        }
    }

    pub(super) fn uri(&self) -> UriText<'_> {
        UriText {
            scheme: text(&self.bytes[..self.scheme_end]),
            authority: text(&self.bytes[self.scheme_end..self.authority_end]),
            path_and_query: text(&self.bytes[self.authority_end..self.uri_end]),
        }
    }

    pub(super) fn path(&self) -> &str {
        text(&self.bytes[self.authority_end..self.path_end])
    }

    /// Returns the text behind the question mark, or an empty one.
    pub(super) fn query(&self) -> &str {
        text(&self.bytes[self.path_end..self.uri_end]).trim_start_matches('?')
    }

    /// Returns the names, in lower case, and values in their order.
    pub(super) fn headers(&self) -> Headers<'_> {
        Headers {
            rest: &self.bytes[self.uri_end..],
        }
    }
}

/// The pieces of a URL; a missing one is empty.
#[derive(Clone, Copy)]
pub(super) struct UriText<'a> {
    scheme: &'a str,
    pub(super) authority: &'a str,
    path_and_query: &'a str,
}

impl<'a> UriText<'a> {
    pub(super) fn split(uri: &'a Uri) -> Self {
        Self {
            scheme: uri.scheme_str().unwrap_or_default(),
            authority: uri.authority().map(Authority::as_str).unwrap_or_default(),
            path_and_query: uri
                .path_and_query()
                .map(PathAndQuery::as_str)
                .unwrap_or_default(),
        }
    }

    /// Builds a URL from the pieces.
    ///
    /// # Panics
    ///
    /// Never: the pieces were copied from a valid URL.
    pub(super) fn to_uri(self) -> Uri {
        let mut parts = Parts::default();
        if !self.scheme.is_empty() {
            parts.scheme = Some(Scheme::try_from(self.scheme).expect(COPIED));
        }
        if !self.authority.is_empty() {
            parts.authority = Some(Authority::try_from(self.authority).expect(COPIED));
        }
        if !self.path_and_query.is_empty() {
            parts.path_and_query = Some(PathAndQuery::try_from(self.path_and_query).expect(COPIED));
        }
        Uri::from_parts(parts).expect(COPIED)
    }
}

/// The packed headers, each as `name:value` and a line feed: no name has a colon, and no value a line
/// feed.
#[derive(Clone)]
pub(super) struct Headers<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a str, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, rest) = split_once(self.rest, b':')?;
        let (value, rest) = split_once(rest, b'\n')?;
        self.rest = rest;
        Some((text(name), value))
    }
}

fn split_once(bytes: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|byte| *byte == separator)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

/// Builds a header name.
///
/// # Panics
///
/// Never, for a packed one.
pub(super) fn header_name(name: &str) -> HeaderName {
    HeaderName::from_bytes(name.as_bytes()).expect(COPIED)
}

/// Builds a header value.
///
/// # Panics
///
/// Never, for a packed one.
pub(super) fn header_value(value: &[u8]) -> HeaderValue {
    HeaderValue::from_bytes(value).expect(COPIED)
}

const COPIED: &str = "it was copied from a valid one";

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect(COPIED)
}
