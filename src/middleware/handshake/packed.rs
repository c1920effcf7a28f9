//! A URL and headers packed into one allocation.

use std::{slice, sync::Arc};

use http::{
    HeaderName, HeaderValue, Uri,
    uri::{Authority, Parts, PathAndQuery, Scheme},
};

/// A copy of a URL and headers: 0.2 KiB beside the headers that other sockets have as well, where
/// hyper's values would keep the server's read buffer alive, 8 to 10 KiB for each socket.
pub(super) struct Packed {
    /// The URL, then each header: the length of its name in two bytes, that of its value in four, name
    /// and value. [`SHARED`] alone stands for the next of `shared`.
    bytes: Box<[u8]>,
    shared: Box<[Arc<SharedHeader>]>,
    scheme_end: u32,
    authority_end: u32,
    path_end: u32,
    uri_end: u32,
}

impl Packed {
    /// Copies a URL and the headers that are not shared. The names are in lower case.
    pub(super) fn new<'a>(
        uri: UriText<'_>,
        headers: impl Iterator<Item = (&'a str, &'a [u8])>,
        share: impl Fn(&str, &[u8]) -> Option<Arc<SharedHeader>>,
    ) -> Self {
        let mut bytes = Vec::with_capacity(1024);
        // A URL of `http` is at most 64 KiB long.
        let end = |bytes: &Vec<u8>| bytes.len() as u32;
        bytes.extend_from_slice(uri.scheme.as_bytes());
        let scheme_end = end(&bytes);
        bytes.extend_from_slice(uri.authority.as_bytes());
        let authority_end = end(&bytes);
        let path = uri.path_and_query.split('?').next().unwrap_or_default();
        bytes.extend_from_slice(path.as_bytes());
        let path_end = end(&bytes);
        bytes.extend_from_slice(&uri.path_and_query.as_bytes()[path.len()..]);
        let uri_end = end(&bytes);
        let mut shared = Vec::new();
        for (name, value) in headers {
            let known = (shared.len() < MOST_SHARED).then(|| share(name, value));
            if let Some(header) = known.flatten() {
                shared.push(header);
                bytes.extend_from_slice(&SHARED.to_le_bytes());
            } else {
                // `http` bounds a name to 64 KiB, and servers a head to less than 4 GiB.
                bytes.extend_from_slice(&(name.len() as u16).to_le_bytes());
                bytes.extend_from_slice(&(value.len() as u32).to_le_bytes());
                bytes.extend_from_slice(name.as_bytes());
                bytes.extend_from_slice(value);
            }
        }
        Self {
            bytes: bytes.into(),
            shared: shared.into(),
            scheme_end,
            authority_end,
            path_end,
            uri_end,
        }
    }

    pub(super) fn uri(&self) -> UriText<'_> {
        UriText {
            scheme: self.text(0, self.scheme_end),
            authority: self.text(self.scheme_end, self.authority_end),
            path_and_query: self.text(self.authority_end, self.uri_end),
        }
    }

    pub(super) fn path(&self) -> &str {
        self.text(self.authority_end, self.path_end)
    }

    /// Returns the text behind the question mark, or an empty one.
    pub(super) fn query(&self) -> &str {
        self.text(self.path_end, self.uri_end)
            .trim_start_matches('?')
    }

    /// Returns the headers in their order.
    pub(super) fn headers(&self) -> Headers<'_> {
        Headers {
            rest: &self.bytes[self.uri_end as usize..],
            shared: self.shared.iter(),
        }
    }

    fn text(&self, begin: u32, end: u32) -> &str {
        text(&self.bytes[begin as usize..end as usize])
    }
}

/// The pieces of a URL; a missing one is empty.
#[derive(Clone, Copy)]
pub(super) struct UriText<'a> {
    scheme: &'a str,
    pub(super) authority: &'a str,
    pub(super) path_and_query: &'a str,
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

    /// Returns the same URL with another path and query, which have to be valid.
    pub(super) fn with(self, path_and_query: &'a str) -> Self {
        Self {
            path_and_query,
            ..self
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

/// The packed headers.
#[derive(Clone)]
pub(super) struct Headers<'a> {
    rest: &'a [u8],
    shared: slice::Iter<'a, Arc<SharedHeader>>,
}

impl<'a> Iterator for Headers<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let (&name_length, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        let name_length = u16::from_le_bytes(name_length);
        if name_length == SHARED {
            return self.shared.next().map(|header| Header::Shared(header));
        }
        let (&value_length, rest) = rest.split_first_chunk()?;
        let (name, rest) = rest.split_at(name_length.into());
        let (value, rest) = rest.split_at(u32::from_le_bytes(value_length) as usize);
        self.rest = rest;
        Some(Header::Own(text(name), value))
    }
}

/// One packed header.
#[derive(Clone, Copy)]
pub(super) enum Header<'a> {
    Own(&'a str, &'a [u8]),
    Shared(&'a SharedHeader),
}

impl<'a> Header<'a> {
    /// Returns the name, in lower case.
    pub(super) fn name(self) -> &'a str {
        match self {
            Self::Own(name, _) => name,
            Self::Shared(header) => header.name.as_str(),
        }
    }

    pub(super) fn value(self) -> &'a [u8] {
        match self {
            Self::Own(_, value) => value,
            Self::Shared(header) => header.value.as_bytes(),
        }
    }

    /// Returns name and value for a header map. Those of a shared header are not copied.
    pub(super) fn to_http(self) -> (HeaderName, HeaderValue) {
        match self {
            Self::Own(name, value) => (header_name(name), header_value(value)),
            Self::Shared(header) => (header.name.clone(), header.value.clone()),
        }
    }
}

/// A header that several sockets have.
#[derive(Debug)]
pub(super) struct SharedHeader {
    name: HeaderName,
    value: HeaderValue,
}

impl SharedHeader {
    /// Copies a valid header.
    pub(super) fn new(name: &str, value: &[u8]) -> Self {
        Self {
            name: header_name(name),
            value: header_value(value),
        }
    }

    pub(super) fn is(&self, name: &str, value: &[u8]) -> bool {
        self.name == *name && self.value == *value
    }
}

/// Builds a header name.
///
/// # Panics
///
/// Never, for a packed one.
fn header_name(name: &str) -> HeaderName {
    HeaderName::from_bytes(name.as_bytes()).expect(COPIED)
}

/// Builds a header value.
///
/// # Panics
///
/// Never, for a packed one.
fn header_value(value: &[u8]) -> HeaderValue {
    HeaderValue::from_bytes(value).expect(COPIED)
}

/// Instead of the length of a name, which has one.
const SHARED: u16 = 0;

const COPIED: &str = "it was copied from a valid one";

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect(COPIED)
}

/// What one client can have the pool keep is bounded: a shared header takes more than one of its own.
const MOST_SHARED: usize = 16;
