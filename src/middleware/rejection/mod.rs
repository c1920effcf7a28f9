//! Every refusal, with its status, text and headers: no other file builds one.

mod cause;
mod handler;
mod kind;

use std::fmt;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde::Serialize;

use super::refusal::Refusal;
use crate::hub::LimitReached;
use crate::protocol::ErrorFrame;

pub use self::kind::RejectionKind;

pub(crate) use self::cause::Cause;

/// A request that the middleware refuses, and why.
///
/// # Examples
///
/// ```
/// use web_connection_socket::{Rejection, RejectionKind};
///
/// fn is_attack(rejection: &Rejection) -> bool {
///     rejection.kind() == RejectionKind::ForeignOrigin
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Rejection {
    cause: Cause,
}

impl Rejection {
    /// Returns what was wrong.
    ///
    /// # Examples
    ///
    /// ```
    /// # use web_connection_socket::Rejection;
    /// fn count(rejection: &Rejection) {
    ///     println!("refused_total{{kind={:?}}}", rejection.kind().as_str());
    /// }
    /// ```
    #[must_use]
    pub fn kind(&self) -> RejectionKind {
        self.cause.kind()
    }

    /// Returns the status of the answer.
    ///
    /// # Examples
    ///
    /// ```
    /// # use web_connection_socket::Rejection;
    /// fn is_clients_fault(rejection: &Rejection) -> bool {
    ///     rejection.status().is_client_error()
    /// }
    /// ```
    #[must_use]
    pub fn status(&self) -> StatusCode {
        let usual = self.kind().status();
        // A status below would open a socket, or say that one was.
        let own = self
            .cause
            .refusal()
            .map(Refusal::status)
            .filter(|own| own.as_u16() >= 300);
        own.unwrap_or(usual)
    }

    /// Builds the answer: problem details (RFC 9457), or what the application wanted said. The header
    /// `WebSocket-Refusal` names the [`kind`](Self::kind) in either case, so that the browser client
    /// can tell the application's own page from that of a proxy.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http::{Request, Response};
    /// use http_body_util::Full;
    /// use web_connection_socket::Socket;
    ///
    /// fn on_web_socket<B>(request: &Request<B>) -> Response<Full<Bytes>> {
    ///     match Socket::from_extensions(request.extensions()) {
    ///         Ok(socket) => Response::new(Full::from(socket.message().action.clone())),
    ///         Err(rejection) => rejection.into_response(),
    ///     }
    /// }
    /// assert_eq!(on_web_socket(&Request::new(())).status(), 403);
    /// ```
    #[must_use]
    pub fn into_response<RB: From<Bytes>>(self) -> Response<RB> {
        let status = self.status();
        let (content_type, body) = match self.cause.refusal().and_then(Refusal::own_body) {
            Some((content_type, body)) => (content_type, body),
            None => (
                HeaderValue::from_static("application/problem+json"),
                self.problem(),
            ),
        };
        let mut response = Response::new(RB::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, content_type);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        self.cause.add_headers(headers);
        if let Some(refusal) = self.cause.refusal() {
            headers.extend(refusal.headers().clone());
        }
        let kind = HeaderValue::from_static(self.kind().as_str());
        headers.insert(REFUSAL, kind);
        response
    }

    /// Whether the same request may go well a little later.
    pub(super) fn is_for_now(&self) -> bool {
        self.cause.retry_after().is_some()
    }

    fn problem(&self) -> Bytes {
        let status = self.status();
        let detail = self.to_string();
        let problem = Problem {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Refused"),
            status: status.as_u16(),
            detail: &detail,
            code: self.kind().as_str(),
        };
        serde_json::to_vec(&problem)
            .expect("numbers and strings are JSON")
            .into()
    }
}

impl From<Cause> for Rejection {
    fn from(cause: Cause) -> Self {
        Self { cause }
    }
}

impl From<LimitReached> for Rejection {
    fn from(reached: LimitReached) -> Self {
        Cause::LimitReached(reached).into()
    }
}

/// Says to who wants to open a socket what an error frame says to one that is open.
impl From<ErrorFrame> for Rejection {
    fn from(frame: ErrorFrame) -> Self {
        let status = StatusCode::from_u16(frame.status).unwrap_or_default();
        Cause::ApplicationRefused(Box::new(Refusal::new(status).detail(frame.text))).into()
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl std::error::Error for Rejection {}

const REFUSAL: HeaderName = HeaderName::from_static("websocket-refusal");

#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use http::header::{CONTENT_ENCODING, LOCATION, TRANSFER_ENCODING};
    use http::{HeaderValue, Method, Response, StatusCode};
    use serde_json::{Value, json};

    use super::{Cause, REFUSAL, Rejection, RejectionKind};
    use crate::hub::{Cap, LimitReached};
    use crate::middleware::refusal::Refusal;

    fn response(cause: Cause) -> Response<Bytes> {
        Rejection::from(cause).into_response()
    }

    fn full(milliseconds: u64) -> Cause {
        Cause::LimitReached(LimitReached {
            cap: Cap::Sockets,
            finishing: false,
            retry_after: Duration::from_millis(milliseconds),
        })
    }

    fn problem(response: &Response<Bytes>) -> Value {
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
        serde_json::from_slice(response.body()).unwrap()
    }

    #[test]
    fn statuses_and_keys_are_the_documented_ones() {
        let told = |text: &str| text.into();
        for (cause, status, key) in [
            (Cause::UpgradeMethod(Method::PUT), 405, "method_not_allowed"),
            (
                Cause::ReservedMethod(Method::GET),
                405,
                "method_not_allowed",
            ),
            (Cause::UnsupportedVersion, 426, "unsupported_version"),
            (Cause::MalformedHandshake("x"), 400, "malformed_handshake"),
            (Cause::HandshakeTooLarge(9), 431, "handshake_too_large"),
            (
                Cause::MalformedOrigin(told("null")),
                403,
                "malformed_origin",
            ),
            (
                Cause::ForeignOrigin {
                    origin: told("a"),
                    host: told("b"),
                },
                403,
                "foreign_origin",
            ),
            (Cause::HostNotAllowed(told("a")), 403, "host_not_allowed"),
            (Cause::NobodyMayCall, 403, "nobody_may_call"),
            (Cause::TokenMissing, 401, "token_missing"),
            (Cause::TokenWrong, 401, "token_wrong"),
            (
                Cause::CallerNotAllowed(told("No.")),
                403,
                "caller_not_allowed",
            ),
            (full(1), 503, "too_many_sockets"),
            (Cause::EncodedBody(CONTENT_ENCODING), 415, "encoded_body"),
            (Cause::TooLarge(9), 413, "too_large"),
            (Cause::BodyTimeout, 408, "body_timeout"),
            (Cause::BodyFailed, 400, "body_failed"),
            (Cause::BadMessage(told("x")), 400, "bad_message"),
            (Cause::ShuttingDown, 503, "shutting_down"),
            (Cause::IdentifyFailed, 500, "identify_failed"),
            (Cause::IdentifyTimedOut, 503, "identify_timed_out"),
            (Cause::IdentityExpired, 401, "identity_expired"),
            (Cause::NoUpgradeHandle, 500, "no_upgrade_handle"),
            (
                Cause::UnsuitableMessage(told("x")),
                422,
                "unsuitable_message",
            ),
            (Cause::MessageNotMade(told("x")), 500, "handler_failed"),
            (Cause::NotFound, 404, "not_found"),
            (Cause::NotDispatched, 403, "not_dispatched"),
        ] {
            let rejection = Rejection::from(cause.clone());
            assert_eq!(rejection.status().as_u16(), status, "{cause:?}");
            assert_eq!(rejection.kind().as_str(), key, "{cause:?}");
            let response = response(cause);
            assert_eq!(response.headers()["websocket-refusal"], key);
            let problem = problem(&response);
            assert_eq!(problem["status"], status);
            assert_eq!(problem["code"], key);
            assert!(
                problem["detail"]
                    .as_str()
                    .is_some_and(|detail| detail.ends_with('.')),
                "{problem}"
            );
        }
    }

    #[test]
    fn an_answer_is_problem_details() {
        let response = response(Cause::TooLarge(65_536));
        let expected = json!({
            "type": "about:blank",
            "title": "Payload Too Large",
            "status": 413,
            "detail": "The body is larger than 65536 bytes. Config::max_message_size sets the limit.",
            "code": "too_large",
        });
        assert_eq!(problem(&response), expected);
        assert_eq!(response.headers()["cache-control"], "no-store");
    }

    #[test]
    fn each_status_brings_the_headers_that_it_needs() {
        for (cause, name, value) in [
            (Cause::UpgradeMethod(Method::POST), "allow", "GET"),
            (Cause::ReservedMethod(Method::GET), "allow", "POST"),
            (Cause::UnsupportedVersion, "sec-websocket-version", "13"),
            (Cause::UnsupportedVersion, "upgrade", "websocket"),
            (Cause::TokenMissing, "www-authenticate", "Bearer"),
            (Cause::TokenWrong, "www-authenticate", "Bearer"),
            (
                Cause::EncodedBody(TRANSFER_ENCODING),
                "accept-encoding",
                "identity",
            ),
            (Cause::ShuttingDown, "retry-after", "5"),
            (full(0), "retry-after", "1"),
            (full(2_000), "retry-after", "2"),
            (full(2_001), "retry-after", "3"),
        ] {
            assert_eq!(response(cause).headers()[name], value);
        }
    }

    #[test]
    fn what_a_visitor_sent_stays_inside_the_json() {
        let answer = response(Cause::MalformedOrigin("\"}\r\n<script>".into()));
        assert_eq!(problem(&answer).as_object().unwrap().len(), 5);
    }

    #[test]
    fn a_refusal_of_the_applications_is_passed_on() {
        let refusal = Refusal::new(StatusCode::PAYMENT_REQUIRED).detail("Please renew.");
        let answer = response(Cause::IdentifyRefused(Box::new(refusal)));
        assert_eq!(answer.status(), 402);
        assert_eq!(problem(&answer)["detail"], "Please renew.");

        let html = HeaderValue::from_static("text/html");
        let refusal = Refusal::new(StatusCode::FOUND)
            .header(LOCATION, HeaderValue::from_static("/login"))
            .header(REFUSAL, HeaderValue::from_static("something_else"))
            .body(html, "<p>Log in</p>");
        let answer = response(Cause::ApplicationRefused(Box::new(refusal)));
        assert_eq!(answer.status(), 302);
        assert_eq!(answer.headers()[LOCATION], "/login");
        let kinds: Vec<_> = answer.headers().get_all(REFUSAL).iter().collect();
        assert_eq!(kinds, ["application_refused"]);
        assert_eq!(answer.headers()["content-type"], "text/html");
        assert_eq!(answer.body(), "<p>Log in</p>");
    }

    #[test]
    fn a_refusal_never_reads_as_a_yes() {
        for status in [
            StatusCode::SWITCHING_PROTOCOLS,
            StatusCode::OK,
            StatusCode::NO_CONTENT,
        ] {
            let rejection = Rejection::from(Cause::IdentifyRefused(Box::new(Refusal::new(status))));
            assert_eq!(rejection.kind(), RejectionKind::IdentifyRefused);
            assert_eq!(rejection.status(), 403);
        }
    }
}
