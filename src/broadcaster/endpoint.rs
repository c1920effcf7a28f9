//! The URL to which broadcasts are posted.

use http::Uri;
use http::uri::Scheme;

use super::error::{Cause, UrlFlaw};

/// Returns the URL to post to, for an application at `base_url`.
pub(super) fn parse_endpoint(base_url: &str) -> Result<Uri, Cause> {
    check(base_url).map_err(Cause::Url)
}

fn check(base_url: &str) -> Result<Uri, UrlFlaw> {
    // `Uri` drops a fragment silently.
    if base_url.contains(['?', '#']) {
        return Err(UrlFlaw::Query);
    }
    let base: Uri = base_url.parse().map_err(UrlFlaw::Unreadable)?;
    if ![Some(&Scheme::HTTP), Some(&Scheme::HTTPS)].contains(&base.scheme()) {
        return Err(UrlFlaw::Scheme);
    }
    let Some(authority) = base.authority() else {
        return Err(UrlFlaw::Scheme);
    };
    if authority.as_str().contains('@') {
        return Err(UrlFlaw::Password);
    }
    // `Uri` accepts any number as a port.
    if authority.as_str() != authority.host() && authority.port_u16().is_none() {
        return Err(UrlFlaw::Port);
    }
    let directory = base_url.strip_suffix('/').unwrap_or(base_url);
    format!("{directory}/{NAME}")
        .parse()
        .map_err(UrlFlaw::Unreadable)
}

const NAME: &str = "__broadcastWebSocket.wc";

#[cfg(test)]
mod tests {
    use super::parse_endpoint;
    use crate::broadcaster::{BroadcastError, BroadcastErrorKind};

    #[test]
    fn the_name_is_added_to_the_virtual_directory() {
        for (base, endpoint) in [
            (
                "http://app.example",
                "http://app.example/__broadcastWebSocket.wc",
            ),
            (
                "http://app.example/",
                "http://app.example/__broadcastWebSocket.wc",
            ),
            (
                "HTTPS://[::1]:5200/shop",
                "https://[::1]:5200/shop/__broadcastWebSocket.wc",
            ),
            (
                "http://app.example/a/b/",
                "http://app.example/a/b/__broadcastWebSocket.wc",
            ),
        ] {
            assert_eq!(parse_endpoint(base).unwrap().to_string(), endpoint);
        }
    }

    #[test]
    fn invalid_base_urls_are_refused_and_a_password_in_one_is_not_repeated() {
        for bad in [
            "",
            "app.example",
            "app.example/shop",
            "/shop",
            "*",
            "http://",
            "http:///shop",
            "ws://app.example/",
            "ftp://app.example/",
            "http://app.example/?shop=1",
            "http://app.example/#shop",
            "http://app.example/a b",
            "http://app.example:99999/",
            "http://app.example:/",
            "http://[::1]:x/",
            "http://ann:hunter2@app.example/",
        ] {
            let error = BroadcastError::from(parse_endpoint(bad).unwrap_err());
            assert_eq!(error.kind(), BroadcastErrorKind::Url, "{bad}");
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }
}
