//! A message for the application that comes by HTTP instead of a socket.

use axum::{
    Router,
    response::{IntoResponse, Response},
    routing::post,
};
use http::StatusCode;
use serde_json::{Value, json};
use tracing::Level;
use web_connection_socket::{
    Config, Identity, Socket, SocketError, SocketErrorKind, SocketEvent, SocketMessage, User,
    WebConnectionSocketLayer, testing::Server,
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
    assert_eq!(visit.header("websocket-group-id"), [""]);
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
    // Its request was answered: no reply goes anywhere now, and no identity changes.
    let unconnected = |kind| assert_eq!(kind, SocketErrorKind::NotConnected);
    unconnected(socket.reply(&news("")).unwrap_err().kind());
    unconnected(socket.reidentify(Identity::user("x")).unwrap_err().kind());
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

/// What an application does that replies with these texts.
fn replying(replies: &'static [&'static str]) -> impl Fn(Socket) -> Result<(), SocketError> + Copy {
    move |socket| {
        for text in replies {
            socket.reply(&SocketMessage::new("told").text(*text))?;
        }
        Ok(())
    }
}

fn told(text: &str) -> Value {
    json!({"action": "told", "message": text, "groupId": "", "userId": "", "recipients": []})
}

#[tokio::test]
async fn what_a_handler_replies_is_the_answer() {
    for (replies, expected) in [
        (&[][..], json!({})),
        (&["one"], told("one")),
        (&["one", "two"], json!([told("one"), told("two")])),
    ] {
        let reply = replying(replies);
        let general = WebConnectionSocketLayer::new(config())
            .on_web_socket(move |socket: Socket| async move { reply(socket) });
        let of_action = WebConnectionSocketLayer::new(config())
            .on_action("invoice.paid", move |socket: Socket| async move {
                reply(socket)
            });
        for layer in [general, of_action] {
            let answer = Raw::post(WEB_SOCKET, MESSAGE).ask(&serve(&layer)).await;
            assert_eq!(answer.status, 200);
            assert_eq!(answer.header("content-type"), Some("application/json"));
            let body: Value = serde_json::from_str(&answer.body).unwrap();
            assert_eq!(body, expected);
        }
    }
}

type MakeAnswer = fn() -> Response;

#[tokio::test]
async fn what_an_application_replies_fills_an_answer_without_a_body() {
    let reply = replying(&["one"]);
    let answers: [(&str, MakeAnswer, u16); 5] = [
        ("nothing", || ().into_response(), 200),
        ("an empty text", || "".into_response(), 200),
        ("created", || StatusCode::CREATED.into_response(), 201),
        ("no content", || StatusCode::NO_CONTENT.into_response(), 200),
        ("reset", || StatusCode::RESET_CONTENT.into_response(), 200),
    ];
    for (what, answer, status) in answers {
        let handler = post(async move |socket: Socket| {
            reply(socket).unwrap();
            ([("x-seen", "yes")], answer())
        });
        let app = Router::new().route(WEB_SOCKET, handler);
        let layer = WebConnectionSocketLayer::new(config());
        let server = serve_app(&layer, app.clone());
        let answer = Raw::post(WEB_SOCKET, MESSAGE).ask(&server).await;
        assert_eq!(answer.status, status, "{what}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/json"),
            "{what}"
        );
        assert_eq!(answer.header("x-seen"), Some("yes"), "{what}");
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(body, told("one"), "{what}");

        // The control service answers the same.
        let server = Server::new(layer.control_service(app));
        let answer = Raw::post(WEB_SOCKET, MESSAGE).ask(&server).await;
        let same: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!((answer.status, same), (status, body), "{what}");
    }
}

#[tokio::test]
async fn the_applications_own_answer_comes_before_replies() {
    let log = log::capture();
    let reply = replying(&["one"]);
    let answers: [(MakeAnswer, u16, &str); 3] = [
        (|| "mine".into_response(), 200, "mine"),
        (|| StatusCode::PAYMENT_REQUIRED.into_response(), 402, ""),
        (
            || (StatusCode::BAD_GATEWAY, "down").into_response(),
            502,
            "down",
        ),
    ];
    for (answer, status, body) in answers {
        let handler = post(async move |socket: Socket| {
            reply(socket).unwrap();
            answer()
        });
        let app = Router::new().route(WEB_SOCKET, handler);
        let server = serve_app(&WebConnectionSocketLayer::new(config()), app);
        let answer = Raw::post(WEB_SOCKET, MESSAGE).ask(&server).await;
        assert_eq!((answer.status, &*answer.body), (status, body));
    }
    let warnings = log.of(Level::WARN);
    assert!(
        warnings
            .iter()
            .any(|line| line.contains("dropped the replies")),
        "{warnings:?}"
    );
}

#[tokio::test]
async fn replies_beyond_the_limits_are_errors_of_the_handler_that_makes_them() {
    let layer = WebConnectionSocketLayer::new(config().max_queue_bytes(1_000)).on_web_socket(
        |socket: Socket| async move {
            let large = SocketMessage::new("told").text("x".repeat(2_000));
            socket.reply(&large)?;
            socket.reply(&large)
        },
    );
    let answer = Raw::post(WEB_SOCKET, MESSAGE).ask(&serve(&layer)).await;
    assert_eq!(
        (answer.status, &*answer.code()),
        (500, "application_refused")
    );

    let layer =
        WebConnectionSocketLayer::new(config()).on_web_socket(|socket: Socket| async move {
            let mut last = Ok(());
            for _ in 0..1_025 {
                last = socket.reply(&SocketMessage::new("told"));
            }
            let kind = last.map_err(|error| error.kind());
            assert_eq!(kind, Err(SocketErrorKind::TooManyReplies));
        });
    let answer = Raw::post(WEB_SOCKET, MESSAGE).ask(&serve(&layer)).await;
    let body: Vec<Value> = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((answer.status, body.len()), (200, 1_024));
}

#[tokio::test]
async fn a_handler_that_regroups_and_closes_works_without_a_socket() {
    let log = log::capture();
    let layer =
        WebConnectionSocketLayer::new(config()).on_web_socket(|socket: Socket| async move {
            socket.join("lobby")?;
            socket.broadcast(&SocketMessage::new("entered").to_group("lobby"));
            socket.leave("lobby");
            socket.close("4001 bye".parse().expect("a reason"));
            socket.reply(&SocketMessage::new("told").text("welcome"))
        });
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &["lobby"]).await;
    for _ in 0..2 {
        let answer = Raw::post(WEB_SOCKET, MESSAGE).ask(&server).await;
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!((answer.status, body), (200, told("welcome")));
        assert_eq!(ann.receive().await.unwrap().action, "entered");
    }
    let warnings = log.of(Level::WARN);
    let ignored = warnings.iter().filter(|line| line.contains("ignored"));
    assert_eq!(ignored.count(), 1, "{warnings:?}");
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
