//! What other servers answer.

use std::net::SocketAddr;

use axum::{Router, body::Body, http::Response};
use tokio::net::TcpListener;
use web_connection_socket::BroadcastErrorKind;

use super::{send, sender};
use crate::support::{news, spawn};

#[tokio::test]
async fn a_yes_without_a_report_names_the_likely_mistake() {
    for (status, body) in [
        (200, "<!doctype html><p>Welcome!"),
        (200, "{}"),
        (
            200,
            r#"{"matched":1,"queued":1,"dropped":-1,"forwarded":false}"#,
        ),
        (204, ""),
    ] {
        let address = answering(status, &[], body).await;
        let error = send(&sender(address), &news("hello")).await.unwrap_err();
        assert_eq!(error.kind(), BroadcastErrorKind::NotAReport, "{body}");
        assert_eq!(error.status().unwrap().as_u16(), status);
        assert!(error.to_string().contains("WebConnectionSocketLayer"));
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_named() {
    let address = answering(308, &[("location", "https://app.example/x")], "").await;
    let error = send(&sender(address), &news("hello")).await.unwrap_err();
    assert_eq!(error.kind(), BroadcastErrorKind::Refused);
    assert_eq!(error.status().unwrap(), 308);
    assert!(error.detail().unwrap().contains("https://app.example/x"));
}

#[tokio::test]
async fn a_plain_text_is_told_shortened_and_a_page_is_not() {
    let long = "no ".repeat(10_000);
    let endless = "x".repeat(1024 * 1024);
    for (media_type, body, detail) in [
        (
            "text/plain; charset=utf-8",
            " gone for lunch\n",
            Some("gone for lunch"),
        ),
        ("text/plain", &*long, Some(&long[..500])),
        ("text/plain", &*endless, None),
        ("text/plain", "", None),
        ("text/html", "<h1>502</h1>", None),
        ("application/json", r#"{"title":"Busy"}"#, Some("Busy")),
        ("application/problem+json", "<broken>", None),
    ] {
        let address = answering(502, &[("content-type", media_type)], body).await;
        let error = send(&sender(address), &news("hello")).await.unwrap_err();
        assert_eq!(error.kind(), BroadcastErrorKind::Refused);
        assert_eq!(error.status().unwrap(), 502);
        assert_eq!(error.detail(), detail);
        assert_eq!(error.code(), None);
        assert!(
            error
                .to_string()
                .starts_with("the server answered 502 Bad Gateway")
        );
    }
}

/// Serves one answer to every request at a free port.
async fn answering(status: u16, headers: &[(&str, &str)], body: &str) -> SocketAddr {
    let (parts, ()) = headers
        .iter()
        .fold(
            Response::builder().status(status),
            |answer, (name, value)| answer.header(*name, *value),
        )
        .body(())
        .expect("an answer")
        .into_parts();
    let body = body.to_owned();
    let app = Router::new()
        .fallback(async move || Response::from_parts(parts.clone(), Body::from(body.clone())));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound port");
    spawn(async { axum::serve(listener, app).await });
    address
}
