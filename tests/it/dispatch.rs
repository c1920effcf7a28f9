//! A message on its way into the application, and the application's answer on its way back.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use axum::{Router, body::Body, extract::Request, response::IntoResponse, routing::post};
use bytes::Bytes;
use http::{
    Method, Response, StatusCode, Version,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};
use http_body_util::BodyExt;
use tokio::{sync::mpsc, task::yield_now};
use tower::service_fn;
use tracing::Level;
use web_connection_socket::{
    CloseReason, Config, Identity, Recipient, RequestBody, Socket, SocketMessage,
    WebConnectionSocketLayer,
    testing::{Client, Server},
};

use crate::support::{
    config, error_of, frame, http::WEB_SOCKET, join, log, news, news_to, serve_app, soon, text,
    until,
};

#[tokio::test]
async fn s02_a_message_reaches_the_application_as_a_post() {
    let (server, layer, mut requests) = recording(config(), |layer| layer);
    let request =
        http::Request::get("/app/__initializeSocket.wc?userId=Zo%C3%AB&groupId=a,b&groupId=c")
            .header("Origin", "http://localhost")
            .header("Cookie", "session=7")
            .header("Accept-Encoding", "br")
            .header("Accept-Language", "de")
            .header("WebSocket-User-Id", "root")
            .header("websocket_identity", "verified")
            .body(());
    let mut zoe = server.connect_with(request.unwrap()).await.unwrap();
    zoe.send(&news("hello").from_user("any name"))
        .await
        .unwrap();

    let (parts, body) = soon("a request", requests.recv()).await.unwrap();
    assert_eq!(parts.method, Method::POST);
    assert_eq!(parts.uri, WEB_SOCKET);
    assert_eq!(parts.version, Version::HTTP_11);
    let header = |name: &str| {
        let values = parts.headers.get_all(name).iter();
        values
            .map(|value| value.to_str().unwrap())
            .collect::<Vec<_>>()
    };
    let id = layer.hub().sockets()[0].to_string();
    for (name, values) in [
        ("content-type", vec!["application/json"]),
        ("websocket-event", vec!["message"]),
        ("websocket-connection-id", vec![&*id]),
        ("websocket-identity", vec!["claimed"]),
        ("websocket-user-id", vec!["Zo%C3%AB"]),
        ("websocket-group-id", vec!["a%2Cb, c"]),
        ("host", vec!["localhost"]),
        ("cookie", vec!["session=7"]),
        ("accept-language", vec!["de"]),
    ] {
        assert_eq!(header(name), values, "{name}");
    }
    for gone in [
        "origin",
        "accept-encoding",
        "connection",
        "upgrade",
        "sec-websocket-key",
        "sec-websocket-version",
        "websocket_identity",
    ] {
        assert!(header(gone).is_empty(), "{gone}");
    }
    let expected = news("hello").from_user("any name").encode();
    assert_eq!(header("content-length"), [expected.len().to_string()]);
    assert_eq!(body, expected);
}

#[tokio::test]
async fn a_verified_user_is_told_as_such() {
    let (server, _layer, mut requests) = recording(config(), |layer| {
        layer.identify(async |_| Ok(Identity::user("ann").group("staff")))
    });
    let mut ann = join(&server, "root", &["board"]).await;
    ann.send(&news("x").from_user("root").from_group("board"))
        .await
        .unwrap();
    let (parts, body) = soon("a request", requests.recv()).await.unwrap();
    assert_eq!(parts.headers["websocket-identity"], "verified");
    assert_eq!(parts.headers["websocket-user-id"], "ann");
    assert_eq!(parts.headers["websocket-group-id"], "staff");
    let message = SocketMessage::from_slice(&body).unwrap();
    assert_eq!(message.user_id, "ann");
    assert_eq!(message.group_id, "staff");
}

#[tokio::test]
async fn the_application_gets_a_message_in_one_spelling_whatever_the_clients() {
    let hooks: [fn(_) -> _; 2] = [
        |layer: WebConnectionSocketLayer| layer,
        |layer| layer.identify(async |_| Ok(Identity::user("ann").group("staff"))),
    ];
    let ann = news("x").text("é").from_user("ann").from_group("staff");
    let written = |message: &SocketMessage| String::from_utf8(message.encode()).unwrap();
    let plain = written(&ann);
    for (sent, claimed) in [
        (plain.clone(), plain.clone()),
        (plain.replace(':', ": "), plain.clone()),
        (plain.replace("action", "Action"), plain.clone()),
        (plain.replace('é', r"\u00e9"), plain.clone()),
        (format!("\u{feff}{plain}"), plain.clone()),
        (plain.replace("ann", "bob"), plain.replace("ann", "bob")),
        (
            plain.replace("staff", "board"),
            plain.replace("staff", "board"),
        ),
    ] {
        for (hook, expected) in hooks.into_iter().zip([&claimed, &plain]) {
            let (server, _layer, mut requests) = recording(config(), hook);
            let mut client = join(&server, "ann", &["staff"]).await;
            client.send_text(sent.clone()).await.unwrap();
            let (parts, body) = soon("a request", requests.recv()).await.unwrap();
            assert_eq!(body, *expected, "{sent}");
            assert_eq!(parts.headers["content-length"], expected.len().to_string());
        }
    }
}

#[tokio::test]
async fn s03_the_script_map_and_the_base_path_decide_the_path() {
    let following = || config().follow_page_directory(true);
    for (config, opened_at, posted_to) in [
        (config(), "/__initializeSocket.wc", "/__WebSocket.wwd"),
        (config().script_map("sock"), "/", "/__WebSocket.sock"),
        (config(), "/a/b/__initializeSocket.wc", "/__WebSocket.wwd"),
        (config(), "/a/b/other", "/__WebSocket.wwd"),
        (config().base_path("/a"), "/a/b", "/a/__WebSocket.wwd"),
        (
            config().base_path("/a"),
            "/a/b/__initializeSocket.wc",
            "/a/__WebSocket.wwd",
        ),
        (
            following(),
            "/a/b/__InitializeSocket.WC?x=1",
            "/a/b/__WebSocket.wwd",
        ),
        (following(), "/a/b/other", "/__WebSocket.wwd"),
        (
            following().base_path("/a"),
            "/A/b/__initializeSocket.wc",
            "/a/b/__WebSocket.wwd",
        ),
        (
            config().dispatch_path("/hook"),
            "/a/__initializeSocket.wc",
            "/hook",
        ),
    ] {
        let (server, _layer, mut requests) = recording(config, |layer| layer);
        let mut socket = server.connect(opened_at).await.unwrap();
        socket.send(&news("x")).await.unwrap();
        let (parts, _) = soon("a request", requests.recv()).await.unwrap();
        assert_eq!(parts.uri, posted_to, "opened at {opened_at}");
    }
}

#[tokio::test]
async fn a_json_answer_is_a_reply_to_the_sender_alone() {
    let (mut ann, mut bob, _) = answering(|_| {
        let list = r#"[{"action":"one"},{"action":"two","message":"2"}]"#;
        [(CONTENT_TYPE, "application/json; charset=utf-8")]
            .into_response()
            .map(|_| list.into())
    })
    .await;
    for _ in 0..2 {
        ann.send(&news("x")).await.unwrap();
        assert_eq!(ann.receive().await.unwrap().action, "one");
        assert_eq!(ann.receive().await.unwrap().action, "two");
    }
    bob.send(&news("x")).await.unwrap();
    assert_eq!(
        bob.receive().await.unwrap().action,
        "one",
        "not one of Ann's"
    );

    let (mut ann, _, _) = answering(|_| json(StatusCode::CREATED, r#"{"action":"made"}"#)).await;
    ann.send(&news("x")).await.unwrap();
    assert_eq!(ann.receive().await.unwrap().action, "made");
}

#[tokio::test]
async fn s11_any_other_success_is_no_reply() {
    let (mut ann, _, layer) = answering(|text| match text {
        "html" => axum::response::Html("<h1>Done</h1>").into_response(),
        "html with json in it" => axum::response::Html(r#"{"action":"x"}"#).into_response(),
        "text" => "done".into_response(),
        "nothing" => StatusCode::NO_CONTENT.into_response(),
        "no action" => json(StatusCode::OK, r#"{"message":"x"}"#),
        "one without" => json(StatusCode::OK, r#"[{"action":"x"},{"message":"x"}]"#),
        "not a message" => json(StatusCode::OK, r#"{"action":7}"#),
        "null" => json(StatusCode::OK, "null"),
        _ => json(StatusCode::OK, r#"{"action":"end"}"#),
    })
    .await;
    let nothing = [
        "html",
        "html with json in it",
        "text",
        "nothing",
        "no action",
        "one without",
        "not a message",
        "null",
    ];
    for text in nothing {
        ann.send(&news(text)).await.unwrap();
    }
    ann.send(&news("end")).await.unwrap();
    assert_eq!(ann.receive().await.unwrap().action, "end");
    assert_eq!(layer.hub().stats().dispatches_failed, 0);
}

#[tokio::test]
async fn an_answer_that_is_no_success_is_an_error_frame_without_its_text() {
    let (mut ann, _, layer) = answering(|status| {
        let status = StatusCode::from_bytes(status.as_bytes()).unwrap();
        json(status, r#"{"action":"secret"}"#)
    })
    .await;
    for status in [301, 304, 400, 403, 404, 405, 422, 500, 503] {
        ann.send(&news(status.to_string())).await.unwrap();
        let error = frame(&mut ann).await;
        assert_eq!(error["error"]["code"], "failed");
        assert_eq!(error["error"]["status"], status);
        assert!(!error.to_string().contains("secret"));
    }
    assert_eq!(layer.hub().stats().dispatches_failed, 9);
    ann.send(&news("200")).await.unwrap();
    assert_eq!(ann.receive().await.unwrap().action, "secret");
}

#[tokio::test]
async fn gone_is_an_error_frame_and_then_a_close() {
    let (mut ann, _bob, layer) = answering(|_| StatusCode::GONE.into_response()).await;
    ann.send(&news("x")).await.unwrap();
    assert_eq!(error_of(&mut ann).await, ("failed".into(), 410));
    assert_eq!(soon("the close", ann.closed()).await.code(), 4410);
    assert_eq!(layer.hub().len(), 1);
}

#[tokio::test]
async fn the_answers_headers_join_leave_and_close() {
    let (mut ann, mut bob, layer) = answering(|text| match text {
        "join" => [("WebSocket-Join", "caf%C3%A9"), ("WebSocket-Leave", "chat")].into_response(),
        "join two" => http::Response::builder()
            .header("WebSocket-Join", "a,b")
            .header("WebSocket-Join", "c")
            .body(Body::empty())
            .unwrap(),
        "nonsense" => [("WebSocket-Close", "1006 no")].into_response(),
        _ => (
            [
                ("WebSocket-Close", "4001 signed%20out"),
                ("Content-Type", "application/json"),
            ],
            r#"{"action":"goodbye"}"#,
        )
            .into_response(),
    })
    .await;
    let hub = layer.hub();
    let groups = || {
        let mut groups = hub.groups();
        groups.sort();
        groups
            .into_iter()
            .map(|(name, count)| format!("{name} {count}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(groups(), ["chat 2"]);
    ann.send(&news("join")).await.unwrap();
    until("Ann has joined", || groups() == ["café 1", "chat 1"]).await;
    ann.send(&news("join two")).await.unwrap();
    until("Ann has joined two", || {
        groups() == ["a,b 1", "c 1", "café 1", "chat 1"]
    })
    .await;
    hub.broadcast(&news_to("private", [Recipient::group("a,b")]));
    assert_eq!(text(&mut ann).await, "private");

    ann.send(&news("nonsense")).await.unwrap();
    ann.send(&news("close")).await.unwrap();
    assert_eq!(ann.receive().await.unwrap().action, "goodbye");
    assert_eq!(
        soon("the close", ann.closed()).await,
        CloseReason::new(4001, "signed out")
    );
    hub.broadcast(&news("still here"));
    assert_eq!(text(&mut bob).await, "still here");
}

#[tokio::test]
async fn a_compressed_answer_is_not_read_and_the_log_says_why() {
    let log = log::capture();
    let (mut ann, _, _) = answering(|text| {
        let mut response = json(StatusCode::OK, r#"{"action":"reply"}"#);
        if text == "compressed" {
            response
                .headers_mut()
                .insert(CONTENT_ENCODING, "br".parse().unwrap());
        }
        response
    })
    .await;
    ann.send(&news("compressed")).await.unwrap();
    ann.send(&news("plain")).await.unwrap();
    assert_eq!(ann.receive().await.unwrap().action, "reply");
    let warnings = log.of(Level::WARN);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("compress"), "{warnings:?}");
}

#[tokio::test]
async fn an_answer_larger_than_a_message_is_a_failure() {
    let (mut ann, _, _) = answering(|text| {
        let length = text.parse().unwrap();
        let message = SocketMessage::new("large")
            .text("x".repeat(length))
            .encode();
        json(StatusCode::OK, String::from_utf8(message).unwrap())
    })
    .await;
    ann.send(&news("70000")).await.unwrap();
    assert_eq!(error_of(&mut ann).await, ("failed".into(), 500));
    ann.send(&news("60000")).await.unwrap();
    assert_eq!(text(&mut ann).await.len(), 60_000);
}

#[tokio::test]
async fn one_message_of_a_socket_is_dispatched_at_a_time_and_in_order() {
    let running = Arc::new(AtomicUsize::new(0));
    let app = Router::new().route(
        "/__WebSocket.wwd",
        post(async move |socket: Socket| {
            assert_eq!(running.fetch_add(1, Relaxed), 0, "two at a time");
            let number: usize = socket.message().message.parse().unwrap();
            for _ in 0..10 - number % 10 {
                yield_now().await;
            }
            running.fetch_sub(1, Relaxed);
            socket.reply(socket.message()).unwrap();
        }),
    );
    let server = serve_app(&WebConnectionSocketLayer::new(config()), app);
    let mut ann = join(&server, "ann", &[]).await;
    for number in 0..100 {
        ann.send(&news(number.to_string())).await.unwrap();
    }
    for number in 0..100 {
        assert_eq!(text(&mut ann).await, number.to_string());
    }
}

#[tokio::test]
async fn messages_of_different_sockets_are_dispatched_side_by_side() {
    let both = Arc::new(tokio::sync::Barrier::new(2));
    let layer = WebConnectionSocketLayer::new(config()).on_web_socket(move |socket: Socket| {
        let both = both.clone();
        async move {
            both.wait().await;
            socket.reply(socket.message())
        }
    });
    let server = serve_app(&layer, Router::new());
    let mut ann = join(&server, "ann", &[]).await;
    let mut bob = join(&server, "bob", &[]).await;
    ann.send(&news("a")).await.unwrap();
    bob.send(&news("b")).await.unwrap();
    assert_eq!(
        (text(&mut ann).await, text(&mut bob).await),
        ("a".into(), "b".into())
    );
}

#[tokio::test]
async fn a_plain_service_that_reads_the_body_itself_is_warned_about_once() {
    let log = log::capture();
    let app = async |request: http::Request<RequestBody<hyper::body::Incoming>>| {
        let body = request.into_body().collect().await?.to_bytes();
        let response = Response::builder().header(CONTENT_TYPE, "application/json");
        Ok::<_, hyper::Error>(response.body(Body::from(body)).unwrap())
    };
    let layer = WebConnectionSocketLayer::new(config());
    let server = Server::new(tower::Layer::layer(&layer, service_fn(app)));
    let mut ann = join(&server, "ann", &[]).await;
    for number in 0..3 {
        ann.send(&news(number.to_string())).await.unwrap();
        assert_eq!(text(&mut ann).await, number.to_string());
    }
    let warnings = log.of(Level::WARN);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("layer.layer(router)"), "{warnings:?}");
}

#[tokio::test]
async fn an_outside_post_is_dispatched_without_a_connection() {
    let (server, _layer, mut requests) = recording(config(), |layer| layer);
    let outside = http::Request::post("/a/__WEBSOCKET.wwd")
        .header("WebSocket-Identity", "verified")
        .header("Accept-Language", "de")
        .body(Bytes::from(r#"{"ACTION":"cron"}"#));
    let answer = server.request(outside.unwrap()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let (parts, body) = requests.recv().await.unwrap();
    assert_eq!(SocketMessage::from_slice(&body).unwrap().action, "cron");
    assert_eq!(parts.headers["websocket-identity"], "claimed");
    assert_eq!(parts.headers["accept-language"], "de");
    assert!(!parts.headers.contains_key("websocket-connection-id"));
    assert_eq!(parts.uri, WEB_SOCKET);
}

type Recorded = (http::request::Parts, Bytes);

/// A server whose application takes the socket out of every request and hands the request over.
fn recording(
    config: Config,
    with: impl FnOnce(WebConnectionSocketLayer) -> WebConnectionSocketLayer,
) -> (Server, WebConnectionSocketLayer, mpsc::Receiver<Recorded>) {
    let (requests, receiver) = mpsc::channel(8);
    let app = Router::new().fallback(async move |_: Socket, request: Request| {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        requests
            .send((parts, body))
            .await
            .expect("a test that listens");
    });
    let layer = with(WebConnectionSocketLayer::new(config));
    (serve_app(&layer, app), layer, receiver)
}

/// Ann and Bob in the group `chat`, with an application that answers a message's text.
async fn answering(
    answer: impl Fn(&str) -> Response<Body> + Clone + Send + Sync + 'static,
) -> (Client, Client, WebConnectionSocketLayer) {
    let layer = WebConnectionSocketLayer::new(config());
    let app = post(async move |socket: Socket| answer(&socket.message().message));
    let server = serve_app(&layer, Router::new().route("/__WebSocket.wwd", app));
    let ann = join(&server, "ann", &["chat"]).await;
    let bob = join(&server, "bob", &["chat"]).await;
    (ann, bob, layer)
}

fn json(status: StatusCode, body: impl Into<Body>) -> Response<Body> {
    let response = Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "application/json");
    response.body(body.into()).expect("a response")
}
