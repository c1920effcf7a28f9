//! What a browser tells about the page that made a request.

use http::header::ORIGIN;
use http::request::Parts;
use http::{HeaderMap, HeaderName};

use crate::config::Origin;

use super::host::host_of;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What the `Origin` header says.
pub(super) enum PageOrigin {
    /// Nothing: the request was not made by a page, or by one of this site with a plain `GET`.
    Absent,
    /// Not one origin: several headers, a list, `null`, a path behind it.
    Malformed,
    One(Origin),
}

impl PageOrigin {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut lines = headers.get_all(ORIGIN).iter();
        let line = match (lines.next(), lines.next()) {
            (None, _) => return Self::Absent,
            (Some(line), None) => line,
            (Some(_), Some(_)) => return Self::Malformed,
        };
        let origin = line.to_str().ok().and_then(|text| text.parse().ok());
        origin.map_or(Self::Malformed, Self::One)
    }
}

/// Tells whether the origin's host and port are those that the request is for.
pub(super) fn is_same_host(origin: &Origin, parts: &Parts) -> bool {
    host_of(parts).is_ok_and(|host| host.is_some_and(|host| origin.is_at(&host)))
}

/// Tells whether a browser made the request for a page of another site.
pub(super) fn is_cross_site(parts: &Parts) -> bool {
    let foreign_origin = match PageOrigin::of(&parts.headers) {
        PageOrigin::Absent => false,
        PageOrigin::Malformed => true,
        PageOrigin::One(origin) => !is_same_host(&origin, parts),
    };
    let mut sites = parts.headers.get_all(SEC_FETCH_SITE).iter();
    foreign_origin || sites.any(|site| site != "same-origin" && site != "none")
}
