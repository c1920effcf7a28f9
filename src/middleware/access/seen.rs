//! What a request showed of itself, for the text of its refusal.

use http::header::HOST;
use http::request::Parts;
use http::{HeaderMap, HeaderName};

use crate::middleware::host::host_of;

/// Shows the host that the request is for, as it was sent.
pub(super) fn seen_host(parts: &Parts) -> Box<str> {
    match host_of(parts) {
        Ok(Some(host)) => host.to_string().into(),
        Ok(None) | Err(_) => seen(&parts.headers, &HOST),
    }
}

/// Shows a header as it was sent, cut to a length that fits into a log.
pub(super) fn seen(headers: &HeaderMap, name: &HeaderName) -> Box<str> {
    let values = headers.get_all(name).iter();
    let shown: Vec<_> = values
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    shown
        .join(" and ")
        .chars()
        .take(200)
        .collect::<String>()
        .into()
}
