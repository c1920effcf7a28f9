//! What a client is told of each refusal.

use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderValue, Method, Response, StatusCode,
    header::{CONTENT_ENCODING, LOCATION, RETRY_AFTER, TRANSFER_ENCODING},
};
use serde_json::{Value, json};

use super::{Cause, Rejection, problem::REFUSAL};
use crate::{
    hub::{
        Client, Limit, LimitReached, ShuttingDown, SocketError, SocketErrorKind, TooManyHandshakes,
    },
    protocol::{ErrorCode, ErrorFrame, RejectionKind},
};

fn response(cause: Cause) -> Response<Bytes> {
    Rejection::from(cause).into_response()
}

fn queue_full() -> Cause {
    Cause::Socket(SocketError::new(SocketErrorKind::QueueFull))
}

fn shutting_down() -> Cause {
    Cause::ShuttingDown(ShuttingDown { retry_after: 7 })
}

fn too_many_handshakes() -> Cause {
    Cause::TooManyHandshakes(TooManyHandshakes { retry_after: 8 })
}

fn full(milliseconds: u64) -> Cause {
    limit_reached(Limit::Sockets, false, milliseconds)
}

fn limit_reached(limit: Limit, finishing: bool, milliseconds: u64) -> Cause {
    Cause::LimitReached(LimitReached {
        limit,
        finishing,
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
            Cause::ReservedMethod(Method::GET, "POST"),
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
        (Cause::CallersNotConfigured, 403, "callers_not_configured"),
        (Cause::TokenMissing, 401, "token_missing"),
        (Cause::TokenWrong, 401, "token_wrong"),
        (
            Cause::CallerNotAllowed(told("No.")),
            403,
            "caller_not_allowed",
        ),
        (full(1), 503, "too_many_sockets"),
        (
            limit_reached(Limit::User, true, 1),
            429,
            "too_many_sockets_of_user",
        ),
        (
            limit_reached(Limit::Client(Client::Unknown), false, 1),
            429,
            "too_many_sockets_of_client",
        ),
        (too_many_handshakes(), 503, "too_many_handshakes"),
        (Cause::EncodedBody(CONTENT_ENCODING), 415, "encoded_body"),
        (Cause::TooLarge(9), 413, "too_large"),
        (Cause::BodyTimeout, 408, "body_timeout"),
        (Cause::BodyFailed, 400, "body_failed"),
        (Cause::BadMessage(told("x")), 400, "bad_message"),
        (shutting_down(), 503, "shutting_down"),
        (Cause::NoGroup, 400, "bad_message"),
        (Cause::NoPresence, 404, "not_found"),
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
        (Cause::Alias, 403, "alias"),
        (Cause::EncodedTooOften, 400, "alias"),
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
        "detail": "The body exceeds 65536 bytes, the limit of Config::max_message_size.",
        "code": "too_large",
    });
    assert_eq!(problem(&response), expected);
    assert_eq!(response.headers()["cache-control"], "no-store");
}

#[test]
fn a_limit_tells_which_option_sets_it_and_what_to_do() {
    let v4 = Client::from(Some([192, 0, 2, 1].into()));
    for (limit, option, advice) in [
        (Limit::Sockets, "Config::max_sockets ", "Try again"),
        (Limit::User, "Config::max_sockets_per_user ", "Close one"),
        (
            Limit::Client(Client::Unknown),
            "Config::max_sockets_per_client ",
            "PeerAddr",
        ),
        (
            Limit::Client(v4),
            "Config::max_sockets_per_client ",
            "Config::trusted_proxies",
        ),
    ] {
        let open = Rejection::from(limit_reached(limit, false, 1)).to_string();
        assert!(open.contains(option) && open.contains(advice), "{open}");
        let finishing = Rejection::from(limit_reached(limit, true, 1)).to_string();
        assert!(finishing.contains(option), "{finishing}");
        assert!(finishing.contains("closed sockets"), "{finishing}");
    }
}

#[test]
fn an_error_frame_that_names_a_time_becomes_a_header() {
    for (code, expected) in [
        (ErrorCode::Overloaded, Some("1")),
        (ErrorCode::Unavailable, Some("3")),
        (ErrorCode::UnknownOutcome, None),
        (ErrorCode::Failed, None),
    ] {
        let rejection = Rejection::from(ErrorFrame::new(code, "Not now."));
        let response: Response<Bytes> = rejection.into_response();
        let value = response.headers().get("retry-after");
        assert_eq!(value.map(|value| value.to_str().unwrap()), expected);
    }
}

#[test]
fn each_status_brings_the_headers_that_it_needs() {
    for (cause, name, value) in [
        (Cause::UpgradeMethod(Method::POST), "allow", "GET"),
        (Cause::ReservedMethod(Method::GET, "POST"), "allow", "POST"),
        (Cause::ReservedMethod(Method::POST, "GET"), "allow", "GET"),
        (Cause::UnsupportedVersion, "sec-websocket-version", "13"),
        (Cause::UnsupportedVersion, "upgrade", "websocket"),
        (Cause::TokenMissing, "www-authenticate", "Bearer"),
        (Cause::TokenWrong, "www-authenticate", "Bearer"),
        (
            Cause::EncodedBody(TRANSFER_ENCODING),
            "accept-encoding",
            "identity",
        ),
        (shutting_down(), "retry-after", "7"),
        (too_many_handshakes(), "retry-after", "8"),
        (queue_full(), "retry-after", "1"),
        (full(0), "retry-after", "1"),
        (full(2_000), "retry-after", "2"),
        (full(2_001), "retry-after", "3"),
    ] {
        assert_eq!(response(cause).headers()[name], value);
    }
}

#[test]
fn text_that_a_client_sent_stays_inside_the_json() {
    let answer = response(Cause::MalformedOrigin("\"}\r\n<script>".into()));
    assert_eq!(problem(&answer).as_object().unwrap().len(), 5);
}

#[test]
fn a_hooks_rejection_is_passed_on() {
    let rejection = Rejection::new(StatusCode::PAYMENT_REQUIRED).detail("Please renew.");
    let answer: Response<Bytes> = rejection.into_response();
    assert_eq!(answer.status(), 402);
    assert_eq!(problem(&answer)["detail"], "Please renew.");

    let html = HeaderValue::from_static("text/html");
    let rejection = Rejection::new(StatusCode::FOUND)
        .header(LOCATION, HeaderValue::from_static("/login"))
        .header(REFUSAL, HeaderValue::from_static("something_else"))
        .body(html, "<p>Log in</p>");
    let answer: Response<Bytes> = rejection.into_response();
    assert_eq!(answer.status(), 302);
    assert_eq!(answer.headers()[LOCATION], "/login");
    let kinds: Vec<_> = answer.headers().get_all(REFUSAL).iter().collect();
    assert_eq!(kinds, ["application_refused"]);
    assert_eq!(answer.headers()["content-type"], "text/html");
    assert_eq!(answer.body(), "<p>Log in</p>");
}

#[test]
fn a_hooks_rejection_without_a_word_has_a_general_sentence() {
    let rejection = Rejection::new(StatusCode::FORBIDDEN);
    assert_eq!(rejection.text(), None);
    let answer: Response<Bytes> = rejection.into_response();
    let detail = "The application refused this connection.";
    assert_eq!(problem(&answer)["detail"], detail);
}

#[test]
fn a_hooks_rejection_never_reads_as_a_yes() {
    for status in [
        StatusCode::SWITCHING_PROTOCOLS,
        StatusCode::OK,
        StatusCode::NO_CONTENT,
    ] {
        let rejection = Rejection::new(status).with_kind(RejectionKind::IdentifyRefused);
        assert_eq!(rejection.kind(), RejectionKind::IdentifyRefused);
        assert_eq!(rejection.status(), 403);
    }
}

#[test]
fn a_rejection_that_names_a_time_to_retry_is_temporary() {
    let forbidden = || Rejection::new(StatusCode::FORBIDDEN);
    assert!(!forbidden().is_temporary());
    let later = forbidden().header(RETRY_AFTER, HeaderValue::from_static("30"));
    assert!(later.is_temporary());
    assert!(Rejection::from(shutting_down()).is_temporary());
    assert!(!Rejection::from(Cause::NotFound).is_temporary());
}
