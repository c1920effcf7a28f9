//! Reads the server's answer to a broadcast.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Deserialize;
use tower::BoxError;

use super::error::{Cause, Problem};
use crate::protocol::BroadcastReport;

/// Reads the server's answer: a report, or why there is none.
pub(super) async fn read_report<B>(response: Response<B>) -> Result<BroadcastReport, Cause>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    let (parts, body) = response.into_parts();
    let body = match Limited::new(body, MAX_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        // A body that long is neither a report nor problem details.
        Err(error) if error.is::<LengthLimitError>() => Bytes::new(),
        Err(error) => return Err(Cause::Broken(error)),
    };
    if parts.status == StatusCode::OK {
        return serde_json::from_slice(&body).map_err(|_| Cause::NotAReport(parts.status));
    }
    if parts.status.is_success() {
        return Err(Cause::NotAReport(parts.status));
    }
    Err(Cause::Refused {
        status: parts.status,
        problem: problem(&parts.headers, &body),
    })
}

fn problem(headers: &HeaderMap, body: &[u8]) -> Problem {
    let text_of = |name| {
        let value = headers.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    if let Some(location) = text_of(LOCATION) {
        return Problem {
            detail: Some(format!("it redirects to {location}; name that URL instead")),
            code: None,
        };
    }
    let media_type = text_of(CONTENT_TYPE).unwrap_or_default();
    let is = |name| media_type.trim().starts_with(name);
    if is("application/problem+json") || is("application/json") {
        // Of problem details that cannot be read, only the status is reported.
        let Details {
            detail,
            title,
            code,
        } = serde_json::from_slice(body).unwrap_or_default();
        return Problem {
            detail: detail.or(title),
            code,
        };
    }
    // The answer of another server; of a page, too, only the status is of use.
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    Problem {
        detail: (is("text/plain") && !text.is_empty())
            .then(|| text.chars().take(MAX_TEXT).collect()),
        code: None,
    }
}

/// Problem details (RFC 9457), as far as the answer has them.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Details {
    detail: Option<String>,
    title: Option<String>,
    code: Option<String>,
}

/// A report has 80 bytes, problem details a few hundred.
const MAX_BYTES: usize = 64 * 1_024;

/// How many characters of another server's text are repeated.
const MAX_TEXT: usize = 500;
