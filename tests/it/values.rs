//! Values and bytes as other programs write them: numbers for names, byte-order marks, codings,
//! text that is not UTF-8, half a character.

use axum::{Router, body::Body, response::Response, routing::post};
use http::{Request, StatusCode, header::CONTENT_TYPE};
use serde_json::json;
use tracing::Level;
use web_connection_socket::{Config, Socket, WebConnectionSocketLayer, testing::Server};

use crate::support::{
    config, error_of, frame,
    http::{BROADCAST, WEB_SOCKET, json_of, post as post_to, send},
    join, log, news,
    raw::Raw,
    relay, serve, serve_app, text, until,
};

/// A server whose application answers every message with what it read.
fn echo() -> (Server, WebConnectionSocketLayer) {
    let app = post(async |socket: Socket| {
        if socket.id().is_some() {
            socket.reply(socket.message()).expect("an open socket");
        }
        String::from_utf8(socket.message().encode()).expect("UTF-8")
    });
    let layer = WebConnectionSocketLayer::new(config());
    (
        serve_app(&layer, Router::new().route(WEB_SOCKET, app)),
        layer,
    )
}

#[tokio::test]
async fn a_number_names_a_user_or_a_group_by_its_text() {
    let numbered = r#"{"action":"a","userId":42,"groupId":7.50,"extra":7.50,
        "recipients":[{"type":"user","value":9007199254740993}]}"#;
    let expected = json!({
        "action": "a", "message": "", "userId": "42", "groupId": "7.50", "extra": 7.5,
        "recipients": [{"type": "user", "value": "9007199254740993"}],
    });
    let (server, _layer) = echo();
    let mut ann = join(&server, "ann", &[]).await;
    ann.send_text(numbered).await.unwrap();
    assert_eq!(frame(&mut ann).await, expected);
    let answer = post_to(&server, WEB_SOCKET, numbered).await;
    assert_eq!(json_of(&answer), expected);

    // It finds the user who says the same of itself in a query, and no other.
    let mut named = join(&server, "9007199254740993", &[]).await;
    let mut rounded = join(&server, "9007199254740992", &[]).await;
    let report = json_of(&post_to(&server, BROADCAST, numbered).await);
    assert_eq!(report["matched"], 1);
    assert_eq!(frame(&mut named).await, expected);
    post_to(&server, BROADCAST, news("for all").encode()).await;
    assert_eq!(text(&mut rounded).await, "for all");

    for refused in [
        r#"{"userId":true}"#,
        r#"{"userId":{}}"#,
        r#"{"groupId":1e400}"#,
        r#"{"recipients":[{"type":"user","value":false}]}"#,
    ] {
        let answer = post_to(&server, BROADCAST, refused).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{refused}");
        rounded.send_text(refused).await.unwrap();
        assert_eq!(error_of(&mut rounded).await.0, "bad_message", "{refused}");
    }
}

#[tokio::test]
async fn a_byte_order_mark_is_passed_over_wherever_json_comes_in() {
    let marked = "\u{feff}{\"action\":\"news\",\"message\":\"marked\"}";
    let server = serve(&relay());
    let mut ann = join(&server, "ann", &[]).await;
    ann.send_text(marked).await.unwrap();
    assert_eq!(text(&mut ann).await, "marked");
    for path in [BROADCAST, WEB_SOCKET] {
        let answer = post_to(&server, path, marked).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert_eq!(text(&mut ann).await, "marked");
    }

    let server = answering(move |_| json(marked));
    let mut ann = join(&server, "ann", &[]).await;
    ann.send(&news("x")).await.unwrap();
    assert_eq!(text(&mut ann).await, "marked");
}

#[tokio::test]
async fn what_is_not_utf_8_is_called_that() {
    let latin = &b"{\"action\":\"news\",\"message\":\"gr\xfc\xdfe\"}"[..];
    let server = serve(&relay());
    for path in [BROADCAST, WEB_SOCKET] {
        let answer = post_to(&server, path, latin).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        let problem = json_of(&answer);
        assert_eq!(problem["code"], "bad_message");
        let told = problem["detail"].as_str().unwrap();
        let reason = "not UTF-8; in FoxPro use STRCONV(…, 9)";
        assert!(told.contains(reason), "{told}");
    }

    let log = log::capture();
    let server = answering(move |text| match text {
        "latin" => json(latin),
        _ => json(r#"{"action":"news","message":"utf-8"}"#),
    });
    let mut ann = join(&server, "ann", &[]).await;
    ann.send(&news("latin")).await.unwrap();
    ann.send(&news("other")).await.unwrap();
    assert_eq!(text(&mut ann).await, "utf-8");
    let warnings = log.of(Level::WARN);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("STRCONV"), "{warnings:?}");
}

#[tokio::test]
async fn half_a_character_is_named() {
    let server = serve(&relay());
    let mut ann = join(&server, "ann", &[]).await;
    for half in [
        r#"{"message":"\ud83d"}"#,
        r#"{"userId":"\ude00"}"#,
        r#"{"x":["\ud83d"]}"#,
    ] {
        ann.send_text(half).await.unwrap();
        let error = frame(&mut ann).await;
        assert_eq!(error["error"]["code"], "bad_message", "{half}");
        let told = error["message"].as_str().unwrap();
        assert!(told.contains("half of a character"), "{told}");
        let problem = json_of(&post_to(&server, BROADCAST, half).await);
        let told = problem["detail"].as_str().unwrap();
        assert!(told.contains("half of a character"), "{told}");
    }
    ann.send_text(r#"{"message":"\ud83d\ude00"}"#)
        .await
        .unwrap();
    assert_eq!(text(&mut ann).await, "😀");
}

#[tokio::test]
async fn an_encoded_body_is_415_and_identity_is_none() {
    let server = serve(&relay());
    let mut ann = join(&server, "ann", &[]).await;
    let message = String::from_utf8(news("plain").encode()).unwrap();
    let encoded = |path: &str, codings: &[&str]| {
        let post = Request::post(path);
        let add =
            |post: http::request::Builder, coding: &&str| post.header("content-encoding", *coding);
        let post = codings.iter().fold(post, add);
        post.body(message.clone().into()).unwrap()
    };
    for path in [BROADCAST, WEB_SOCKET] {
        for codings in [&["gzip"][..], &["identity", "br"], &["identity, deflate"]] {
            let answer = send(&server, encoded(path, codings)).await;
            assert_eq!(answer.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
            assert_eq!(json_of(&answer)["code"], "encoded_body", "{codings:?}");
            assert_eq!(answer.headers()["accept-encoding"], "identity");
        }
        for codings in [&["identity"][..], &["Identity", ""]] {
            let answer = send(&server, encoded(path, codings)).await;
            assert_eq!(answer.status(), StatusCode::OK, "{codings:?}");
            assert_eq!(text(&mut ann).await, "plain");
        }
        // A transfer coding that the server does not undo hides the message as well.
        let chunks = format!("{:x}\r\n{message}\r\n0\r\n\r\n", message.len());
        let transfer = |coding: &str| {
            Raw::new(&format!("POST {path} HTTP/1.1"))
                .with("Transfer-Encoding", coding)
                .body(&chunks)
        };
        let answer = transfer("gzip, chunked").ask(&server).await;
        let refused = (answer.status, &*answer.code());
        assert_eq!(refused, (415, "encoded_body"));
        assert_eq!(transfer("chunked").ask(&server).await.status, 200);
        assert_eq!(text(&mut ann).await, "plain");
    }

    // A stranger is refused before its body is looked at.
    let closed = serve(&WebConnectionSocketLayer::new(Config::new()));
    let answer = send(&closed, encoded(BROADCAST, &["gzip"])).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn an_answer_that_is_coded_as_identity_is_a_reply() {
    let server = answering(|_| {
        let mut answer = json(r#"{"action":"news","message":"heard"}"#);
        let identity = http::HeaderValue::from_static("identity");
        answer.headers_mut().insert("content-encoding", identity);
        answer
    });
    let mut ann = join(&server, "ann", &[]).await;
    ann.send(&news("x")).await.unwrap();
    assert_eq!(text(&mut ann).await, "heard");
}

#[tokio::test]
async fn a_list_of_replies_is_bounded_as_a_message_is() {
    let list =
        r#"[{"action":"news","message":"many","recipients":[{"type":"all"},{"type":"all"}]}]"#;
    let one = r#"[{"action":"news","message":"one","recipients":[{"type":"all"}]}]"#;
    let layer = WebConnectionSocketLayer::new(config().max_recipients(1));
    let answer = move |socket: Socket| async move {
        json(if socket.message().message == "many" {
            list
        } else {
            one
        })
    };
    let server = serve_app(&layer, Router::new().route(WEB_SOCKET, post(answer)));
    let mut ann = join(&server, "ann", &[]).await;
    ann.send(&news("many")).await.unwrap();
    ann.send(&news("one")).await.unwrap();
    assert_eq!(text(&mut ann).await, "one");
}

#[tokio::test]
async fn a_group_in_a_header_that_is_not_utf_8_is_not_joined() {
    let log = log::capture();
    let layer = WebConnectionSocketLayer::new(config());
    let answer = async |socket: Socket| {
        let group = match &*socket.message().message {
            "raw" => http::HeaderValue::from_bytes(b"b\xfcro").expect("a value"),
            "escaped" => http::HeaderValue::from_static("b%FCro"),
            _ => http::HeaderValue::from_static("b%C3%BCro"),
        };
        [("WebSocket-Join", group)]
    };
    let server = serve_app(&layer, Router::new().route(WEB_SOCKET, post(answer)));
    let mut ann = join(&server, "ann", &[]).await;
    for how in ["raw", "escaped", "utf-8"] {
        ann.send(&news(how)).await.unwrap();
    }
    until("Ann has joined", || !layer.hub().groups().is_empty()).await;
    assert_eq!(layer.hub().groups(), [("büro".into(), 1)]);
    let warnings = log.of(Level::WARN);
    let is_told = |line: &String| line.contains("not UTF-8");
    assert!(warnings.iter().any(is_told), "{warnings:?}");
}

/// A server whose application answers a message's text.
fn answering(answer: impl Fn(&str) -> Response<Body> + Clone + Send + Sync + 'static) -> Server {
    let app = post(async move |socket: Socket| answer(&socket.message().message));
    let layer = WebConnectionSocketLayer::new(config());
    serve_app(&layer, Router::new().route(WEB_SOCKET, app))
}

fn json(body: impl Into<Body>) -> Response<Body> {
    let response = Response::builder().header(CONTENT_TYPE, "application/json");
    response.body(body.into()).expect("a response")
}
