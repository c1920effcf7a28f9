//! A message for the application that comes by HTTP instead of a socket.

use axum::response::Response;
use serde_json::{Value, json};
use tracing::Level;
use web_connection_socket::{
    Config, Socket, SocketErrorKind, SocketEvent, User, WebConnectionSocketLayer, testing::Server,
};

use crate::support::{
    app::Visits, config, http::WEB_SOCKET, join, log, news, raw::Raw, serve, serve_app, text,
};

const MESSAGE: &str =
    r#"{"ACTION":"invoice.paid","message":"7","userId":"cron","groupid":"night","extra":[1]}"#;

fn site(config: Config) -> (Server, Visits) {
    let visits = Visits::default();
    let layer = WebConnectionSocketLayer::new(config);
    (serve_app(&layer, visits.app()), visits)
}

#[tokio::test]
async fn s02_it_reaches_the_application_as_a_sockets_message_does_but_without_a_socket() {
    let (server, visits) = site(config());
    let answer = Raw::post(WEB_SOCKET, MESSAGE)
        .with("Cookie", "a=1")
        .ask(&server)
        .await;
    assert_eq!((answer.status, &*answer.body), (200, "the application"));

    let visit = visits.only();
    assert_eq!(
        (visit.method.as_str(), visit.uri.path()),
        ("POST", WEB_SOCKET)
    );
    assert_eq!(visit.header("content-type"), ["application/json"]);
    assert_eq!(visit.header("websocket-event"), ["message"]);
    assert_eq!(visit.header("websocket-identity"), ["claimed"]);
    assert_eq!(visit.header("websocket-user-id"), ["cron"]);
    assert_eq!(visit.header("websocket-connection-id"), [""; 0]);
    assert_eq!(visit.header("websocket-group-id"), [""; 0]);
    assert_eq!(visit.header("cookie"), ["a=1"]);
    let length = visit.body.len().to_string();
    assert_eq!(visit.header("content-length"), [length.as_str()]);
    let body: Value = serde_json::from_str(&visit.body).unwrap();
    let expected = json!({
        "action": "invoice.paid", "message": "7", "groupId": "night", "userId": "cron",
        "recipients": [], "extra": [1],
    });
    assert_eq!(body, expected);

    let socket = visit.socket.expect("a mark");
    assert_eq!(socket.event(), SocketEvent::Message);
    assert_eq!(socket.id(), None);
    assert_eq!(socket.user(), User::Claimed("cron".into()));
    assert!(socket.groups().is_empty() && socket.handshake().is_none());
    let unconnected = |kind| assert_eq!(kind, SocketErrorKind::NotConnected);
    unconnected(socket.reply(&news("")).unwrap_err().kind());
    unconnected(socket.join("x").unwrap_err().kind());
    assert!(!socket.leave("x"));
    assert!(!socket.close("1000".parse().unwrap()));
}

#[tokio::test]
async fn however_it_was_spelled_it_arrives_at_the_configured_spelling() {
    for (config, paths, arrives) in [
        (
            config(),
            &[
                "/__WEBSOCKET.WWD?x=1",
                "/shop/__WebSocket.wwd",
                "/a/../__webSocket.%77wd",
                "//__WebSocket.wwd",
                "http://localhost/__WebSocket.wwd",
            ][..],
            "/__WebSocket.wwd",
        ),
        (
            config().base_path("/Shop").script_map("wc3"),
            &["/shop/__websocket.WC3", "/SHOP/x/__WebSocket.wc3"],
            "/Shop/__WebSocket.wc3",
        ),
        (
            config().dispatch_path("/messages/in"),
            &["/__WebSocket.wwd", "/Messages/IN"],
            "/messages/in",
        ),
    ] {
        let (server, visits) = site(config);
        for path in paths {
            let answer = Raw::post(path, MESSAGE).ask(&server).await;
            assert_eq!(answer.status, 200, "{path}");
            let visit = visits.only();
            assert_eq!(visit.uri.to_string(), arrives, "{path}");
            assert!(visit.socket.is_some(), "{path}");
        }
    }
}

#[tokio::test]
async fn its_caller_gets_the_applications_own_answer() {
    let visits = Visits::default();
    let app = visits.answering(|_| {
        let answer = Response::builder().status(402).header("x-invoice", "7");
        answer.body("pay first".into()).expect("an answer")
    });
    let server = serve_app(&WebConnectionSocketLayer::new(config()), app);
    let answer = Raw::post(WEB_SOCKET, MESSAGE).ask(&server).await;
    assert_eq!((answer.status, &*answer.body), (402, "pay first"));
    assert_eq!(answer.header("x-invoice"), Some("7"));
}

#[tokio::test]
async fn orders_in_the_answer_are_ignored_and_traced() {
    let log = log::capture();
    let visits = Visits::default();
    let app = visits.answering(|_| {
        Response::builder()
            .header("websocket-join", "x")
            .header("websocket-close", "4001 bye")
            .body("ok".into())
            .expect("an answer")
    });
    let layer = WebConnectionSocketLayer::new(config());
    let server = serve_app(&layer, app);
    let mut ann = join(&server, "ann", &[]).await;
    assert_eq!(
        Raw::post(WEB_SOCKET, MESSAGE).ask(&server).await.status,
        200
    );
    let warnings = log.of(Level::WARN);
    assert!(
        warnings.iter().any(|line| line.contains("ignored")),
        "{warnings:?}"
    );
    assert!(layer.hub().groups().is_empty());
    layer.hub().broadcast(&news("still there"));
    assert_eq!(text(&mut ann).await, "still there");
}

#[tokio::test]
async fn a_handler_takes_it_and_its_failure_is_the_callers() {
    let layer = WebConnectionSocketLayer::new(config())
        .on_action("fail", |_: Socket| async { Err::<(), _>("a secret") })
        .on_action("panic", |socket: Socket| async move {
            assert!(socket.id().is_some(), "a secret");
        })
        .on_web_socket(|socket: Socket| async move {
            assert_eq!(socket.id(), None);
            socket.broadcast(&socket.create_message().text("by the handler"));
        });
    let visits = Visits::default();
    let server = serve_app(&layer, visits.app());
    let mut ann = join(&server, "ann", &[]).await;

    let answer = Raw::post(WEB_SOCKET, MESSAGE).ask(&server).await;
    assert_eq!((answer.status, &*answer.body), (200, "{}"));
    let message = ann.receive().await.unwrap();
    assert_eq!(
        (&*message.message, message.user_id.as_str()),
        ("by the handler", "cron")
    );

    for action in ["fail", "panic"] {
        let body = json!({"action": action}).to_string();
        let answer = Raw::post(WEB_SOCKET, &body).ask(&server).await;
        assert_eq!(answer.status, 500, "{action}");
        assert!(!answer.body.contains("secret"), "{}", answer.body);
    }
    assert!(visits.take().is_empty());
    assert_eq!(layer.hub().stats().dispatches_failed, 2);
}

#[tokio::test]
async fn relayed_it_is_a_broadcast() {
    let server = serve(&WebConnectionSocketLayer::new(config()).relay());
    let mut ann = join(&server, "ann", &[]).await;
    let answer = Raw::post(WEB_SOCKET, MESSAGE).ask(&server).await;
    assert_eq!(
        (answer.status, &*answer.body),
        (
            200,
            r#"{"matched":1,"queued":1,"dropped":0,"forwarded":false}"#
        )
    );
    assert_eq!(text(&mut ann).await, "7");
}

#[tokio::test]
async fn an_application_without_a_handler_is_named_in_the_log() {
    let log = log::capture();
    let server = serve(&WebConnectionSocketLayer::new(config()));
    assert_eq!(
        Raw::post(WEB_SOCKET, MESSAGE).ask(&server).await.status,
        404
    );
    let errors = log.of(Level::ERROR);
    assert!(
        errors
            .iter()
            .any(|line| line.contains("layer.layer(router)")),
        "{errors:?}"
    );
}
