//! One request to an upstream, and what its answer or the lack of one means.

use std::{error::Error, io, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, Request, Response, StatusCode,
    header::{CONTENT_ENCODING, RETRY_AFTER},
    response::Parts,
};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::{Instant, timeout, timeout_at};
use tower::BoxError;

use super::{
    body::{Departure, UpstreamBody},
    client::AnswerBody,
    error::NotSent,
    later::later,
    target::Target,
};
use crate::middleware::{
    log::{Kind, OneLine},
    request::encoded_by,
};

/// What came of one request.
pub(super) enum Outcome {
    Answered(Response<Bytes>),
    /// Nothing of it left.
    NotSent,
    /// The upstream asked to try again after this time.
    NotHandled(Duration),
    /// It may have been handled.
    Unknown,
    /// It was sent, and not answered in time.
    TimedOut,
    /// It was handled, but its answer is of no use: half a sentence.
    Unusable(&'static str),
    /// The sender's identity had ended before.
    IdentityEnded,
}

impl Target {
    /// Sends a request, and reads the answer's body if it is `wanted`.
    pub(super) async fn exchange(
        &self,
        request: Request<UpstreamBody>,
        departure: &Departure,
        wanted: fn(&Parts) -> bool,
    ) -> Outcome {
        let end = later(self.upstream.total_timeout);
        let head = timeout(
            self.upstream
                .header_timeout
                .min(self.upstream.total_timeout),
            self.client.send(request),
        )
        .await;
        match head {
            Ok(Ok(response)) => self.read(response, wanted, end).await,
            Ok(Err(error)) => {
                let is_unsent = departure.withdraw() || is_not_sent(&*error);
                self.complain(&error, is_unsent);
                if is_unsent {
                    Outcome::NotSent
                } else {
                    Outcome::Unknown
                }
            }
            Err(_elapsed) if departure.withdraw() => Outcome::NotSent,
            Err(_elapsed) => Outcome::TimedOut,
        }
    }

    async fn read(
        &self,
        response: Response<AnswerBody>,
        wanted: fn(&Parts) -> bool,
        end: Instant,
    ) -> Outcome {
        let (parts, body) = response.into_parts();
        let status = parts.status;
        if status == StatusCode::BAD_GATEWAY || status == StatusCode::GATEWAY_TIMEOUT {
            // A proxy before the application says so, and does not know either.
            return Outcome::Unknown;
        }
        let later =
            (status == StatusCode::SERVICE_UNAVAILABLE).then(|| retry_after(&parts.headers));
        if let Some(later) = later.flatten() {
            drain(body).await;
            return Outcome::NotHandled(later);
        }
        if status.is_informational() {
            return Outcome::Unusable("its status is not a final one");
        }
        if !wanted(&parts) {
            drain(body).await;
            return Outcome::Answered(Response::from_parts(parts, Bytes::new()));
        }
        if encoded_by(&parts.headers, &CONTENT_ENCODING).is_some() {
            return Outcome::Unusable("it is compressed, which was not asked for");
        }
        let limit = self.state.config.max_message_size;
        match timeout_at(end, Limited::new(body, limit).collect()).await {
            Ok(Ok(body)) => Outcome::Answered(Response::from_parts(parts, body.to_bytes())),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                Outcome::Unusable("it is larger than Config::max_message_size allows")
            }
            Ok(Err(error)) => {
                self.complain(&error, false);
                Outcome::Unknown
            }
            Err(_elapsed) => Outcome::TimedOut,
        }
    }

    fn complain(&self, error: &BoxError, is_unsent: bool) {
        let what = if is_unsent {
            "the upstream takes no requests"
        } else {
            "an answer of the upstream was lost"
        };
        self.state.log.write(Kind::NotHandled(what), |suppressed| {
            let error = OneLine(with_sources(&**error));
            let upstream = &self.upstream.base;
            tracing::warn!(%upstream, %error, suppressed, "{what}");
        });
    }
}

/// Reads what is left of an answer, so that its connection can carry the next request. A long or slow
/// rest is not worth it.
async fn drain(body: AnswerBody) {
    if body.is_end_stream() {
        return;
    }
    let rest = Limited::new(body, MAX_REST).collect();
    if !matches!(timeout(REST_TIMEOUT, rest).await, Ok(Ok(_))) {
        tracing::debug!("the rest of an upstream's answer was not read");
    }
}

/// Reads for how long to wait; dates are not worth a parser.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?;
    let seconds = value
        .to_str()
        .ok()
        .and_then(|text| text.trim().parse().ok());
    let seconds = seconds.unwrap_or(DEFAULT_WAIT).min(LONGEST_WAIT);
    Some(Duration::from_secs(seconds))
}

/// Tells whether a client service says that it did not send the request.
fn is_not_sent(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<NotSent>() {
            return true;
        }
        // An I/O error does not count what it wraps among its sources.
        cause = match error.downcast_ref().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    false
}

/// Writes an error with its sources, which hyper's errors do not repeat.
fn with_sources(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

const MAX_REST: usize = 256 * 1024;
const REST_TIMEOUT: Duration = Duration::from_millis(500);

/// In seconds.
const DEFAULT_WAIT: u64 = 3;
const LONGEST_WAIT: u64 = 24 * 60 * 60;

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_client_says_what_it_did_not_send_at_any_depth() {
        let not_sent = || NotSent::new("the breaker is open");
        assert!(is_not_sent(&not_sent()));
        assert!(is_not_sent(&io::Error::other(io::Error::other(not_sent()))));
        assert!(!is_not_sent(&io::Error::other("reset")));
        let text = with_sources(&io::Error::other(not_sent()));
        assert!(
            text.ends_with("the request was not sent: the breaker is open"),
            "{text}"
        );
    }

    #[test]
    fn retry_after_is_read_in_seconds() {
        for (value, expected) in [
            ("0", 0),
            ("120", 120),
            ("18446744073709551615", 86_400),
            ("Fri, 31 Dec 1999 23:59:59 GMT", 3),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
            assert_eq!(retry_after(&headers), Some(Duration::from_secs(expected)));
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
