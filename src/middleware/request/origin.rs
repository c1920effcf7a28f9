//! The page that made a request, as the browser tells it.

use http::{
    HeaderMap, HeaderName, HeaderValue, Uri,
    header::{ORIGIN, REFERER},
    request::Parts,
};

use super::host::host_of;
use crate::config::Origin;

/// What the `Origin` header says.
pub(crate) enum PageOrigin {
    /// There is none: a program made the request, or a page of this site with a plain `GET`.
    Absent,
    /// It is not a single valid origin, but several headers, a list, `null`, or one with a path.
    Malformed,
    One(Origin),
}

impl PageOrigin {
    pub(crate) fn from_headers(headers: &HeaderMap) -> Self {
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

/// Copies the page's origin from `Referer` to a missing `Origin`, which an upgrade always has.
///
/// Browsers leave it out of a plain GET to the page's own site, although a proxy may change the `Host`
/// on the way.
pub(crate) fn name_origin(headers: &mut HeaderMap) {
    if headers.contains_key(ORIGIN) {
        return;
    }
    if let Some(origin) = headers.get(REFERER).and_then(referring_origin) {
        headers.insert(ORIGIN, origin);
    }
}

fn referring_origin(referer: &HeaderValue) -> Option<HeaderValue> {
    let page: Uri = referer.to_str().ok()?.parse().ok()?;
    let origin = format!("{}://{}", page.scheme()?, page.authority()?);
    origin.parse().ok()
}

/// Tells whether the request is for the origin's own host and port.
pub(crate) fn is_same_host(origin: &Origin, parts: &Parts) -> bool {
    host_of(parts).is_ok_and(|host| host.is_some_and(|host| origin.is_at(&host)))
}

/// Tells whether a browser made the request for a page of another site.
pub(crate) fn is_cross_site(parts: &Parts) -> bool {
    let foreign_origin = match PageOrigin::from_headers(&parts.headers) {
        PageOrigin::Absent => false,
        PageOrigin::Malformed => true,
        PageOrigin::One(origin) => !is_same_host(&origin, parts),
    };
    let mut sites = parts.headers.get_all(SEC_FETCH_SITE).iter();
    foreign_origin || sites.any(|site| site != "same-origin" && site != "none")
}

/// Tells whether a page in a browser made the request, of this site or another.
pub(crate) fn is_by_page(parts: &Parts) -> bool {
    let mut sites = parts.headers.get_all(SEC_FETCH_SITE).iter();
    parts.headers.contains_key(ORIGIN) || sites.any(|site| site != "none")
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

#[cfg(test)]
mod tests {
    use super::*;

    fn named(headers: &[(HeaderName, &'static str)]) -> Option<String> {
        let mut headers: HeaderMap = headers
            .iter()
            .map(|(name, text)| (name.clone(), HeaderValue::from_static(text)))
            .collect();
        name_origin(&mut headers);
        let mut lines = headers.get_all(ORIGIN).iter();
        let line = lines.next().map(|line| line.to_str().unwrap().to_owned());
        assert!(lines.next().is_none());
        line
    }

    #[test]
    fn a_page_that_only_its_referer_names_is_named() {
        for (referer, origin) in [
            ("https://app.example/", Some("https://app.example")),
            (
                "http://app.example:8080/chat/?x=1",
                Some("http://app.example:8080"),
            ),
            ("/chat", None),
            ("app.example", None),
            ("about:blank", None),
            ("", None),
        ] {
            assert_eq!(named(&[(REFERER, referer)]).as_deref(), origin, "{referer}");
        }
        assert_eq!(named(&[]), None);
        let both = [(REFERER, "https://app.example/"), (ORIGIN, "null")];
        assert_eq!(named(&both).as_deref(), Some("null"));
    }
}
