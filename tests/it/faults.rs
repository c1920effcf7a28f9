//! An application that panics, fails, hangs, has too much to do or is not reached at all.

use std::time::Duration;

use axum::{
    Router,
    routing::{get, post},
};
use http::StatusCode;
use serde_json::json;
use tokio::time::sleep;
use tower::{Layer, limit::GlobalConcurrencyLimitLayer};
use tracing::Level;
use web_connection_socket::{
    Socket, SocketEvent, SocketMessage, WebConnectionSocketLayer, testing::Server,
};

use crate::support::{
    config, error_of, frame,
    http::{BROADCAST, WEB_SOCKET, json_of, post as post_to},
    join, log, news, serve, serve_app, soon, spawn, text, until,
};

const SECRET: &str = "the password is swordfish";

#[tokio::test]
async fn a_panic_in_a_handler_costs_one_message_and_tells_nothing() {
    let early = WebConnectionSocketLayer::new(config()).on_action("panic", |_| {
        if true {
            panic!("{SECRET}");
        }
        async {}
    });
    let late = WebConnectionSocketLayer::new(config()).on_action("panic", async |_| {
        tokio::task::yield_now().await;
        panic!("{SECRET}");
        #[expect(unreachable_code, reason = "it names the type")]
        ()
    });
    let inner = WebConnectionSocketLayer::new(config());
    let app = post(async |socket: Socket| {
        assert_ne!(socket.message().action, "panic", "{SECRET}");
        socket.reply(socket.message()).unwrap();
    });
    let app = Router::new().route(WEB_SOCKET, app);
    for layer in [early, late, inner] {
        let server = serve_app(&layer, app.clone());
        let mut ann = join(&server, "ann", &[]).await;
        for _ in 0..50 {
            ann.send(&SocketMessage::new("panic")).await.unwrap();
            let error = frame(&mut ann).await;
            assert_eq!(error["error"]["code"], "failed");
            assert!(!error.to_string().contains("swordfish"));
        }
        ann.send(&news("alive")).await.unwrap();
        assert_eq!(text(&mut ann).await, "alive");
        let stats = layer.hub().stats();
        assert_eq!((stats.dispatches_failed, stats.dispatches_running), (50, 0));
    }
}

#[tokio::test]
async fn an_error_of_a_handler_is_logged_and_not_sent() {
    let log = log::capture();
    let layer =
        WebConnectionSocketLayer::new(config()).on_web_socket(async |_| Err::<(), _>(SECRET));
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    ann.send(&news("x")).await.unwrap();
    let error = frame(&mut ann).await;
    assert_eq!(error["error"]["status"], 500);
    assert!(!error.to_string().contains("swordfish"));
    assert!(log.of(Level::ERROR)[0].contains(SECRET));
}

#[tokio::test]
async fn a_panic_in_a_hook_refuses_one_visitor_and_tells_nothing() {
    let visitor = |handshake_query: Option<&str>| handshake_query == Some("bad");
    let identifying = WebConnectionSocketLayer::new(config()).identify(move |handshake| {
        assert!(!visitor(handshake.query("userId").as_deref()), "{SECRET}");
        async { Ok(web_connection_socket::Identity::user("ann")) }
    });
    let connecting = WebConnectionSocketLayer::new(config()).on_connect(move |socket: Socket| {
        assert!(!visitor(Some(socket.user().id().as_str())), "{SECRET}");
        async { Ok(()) }
    });
    for layer in [identifying.relay(), connecting.relay()] {
        let server = serve(&layer);
        let refused = server.connect("/?userId=bad").await.unwrap_err();
        let refusal = refused.refusal().expect("an answer");
        assert_eq!(refusal.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!String::from_utf8_lossy(refusal.body()).contains("swordfish"));
        let mut ann = join(&server, "ann", &[]).await;
        layer.hub().broadcast(&news("alive"));
        assert_eq!(text(&mut ann).await, "alive");
        assert_eq!(layer.hub().len(), 1);
    }
}

#[tokio::test]
async fn a_panic_in_the_disconnect_event_leaves_nothing_behind() {
    let layer = WebConnectionSocketLayer::new(config()).on_disconnect(|_| {
        if true {
            panic!("{SECRET}");
        }
        async {}
    });
    let server = serve(&layer);
    let tasks = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    for _ in 0..10 {
        let ann = join(&server, "ann", &[]).await;
        drop(ann);
    }
    until("all are gone", || layer.hub().is_empty() && tasks() == 0).await;
    assert_eq!(layer.hub().stats().dispatches_failed, 10);
    assert_eq!(layer.hub().shutdown(Duration::ZERO).await.cut, 0);
}

#[tokio::test]
async fn a_panic_on_an_outside_message_is_an_answer() {
    let layer = WebConnectionSocketLayer::new(config()).on_web_socket(|_| {
        if true {
            panic!("{SECRET}");
        }
        async {}
    });
    let server = serve(&layer);
    let answer = post_to(&server, WEB_SOCKET, "{}").await;
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!json_of(&answer).to_string().contains("swordfish"));
}

#[tokio::test(start_paused = true)]
async fn a_hung_dispatch_ends_at_its_timeout_and_costs_no_other_socket_anything() {
    let layer =
        WebConnectionSocketLayer::new(config()).on_web_socket(|socket: Socket| async move {
            if socket.message().message == "hang" {
                std::future::pending::<()>().await;
            }
            socket.reply(socket.message())
        });
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    let mut bob = join(&server, "bob", &[]).await;
    ann.send(&news("hang")).await.unwrap();
    ann.send(&news("next")).await.unwrap();
    bob.send(&news("mine")).await.unwrap();
    let begin = tokio::time::Instant::now();
    assert_eq!(text(&mut bob).await, "mine");
    assert!(begin.elapsed() < Duration::from_secs(1));
    spawn(async move { bob.closed().await });
    assert_eq!(error_of(&mut ann).await, ("timeout".into(), 504));
    assert_eq!(begin.elapsed().as_secs(), 30);
    assert_eq!(text(&mut ann).await, "next");
    assert_eq!(layer.hub().stats().dispatches_running, 0);
}

#[tokio::test(start_paused = true)]
async fn more_dispatches_than_allowed_wait_their_turn_or_are_told_overloaded() {
    let layer = WebConnectionSocketLayer::new(config().max_dispatches(1));
    let layer = layer.on_web_socket(async |socket: Socket| {
        let seconds = socket.message().message.parse().expect("a number");
        sleep(Duration::from_secs(seconds)).await;
        socket.reply(socket.message())
    });
    let server = serve(&layer);
    let mut sockets = Vec::new();
    for seconds in ["20", "60", "1", "1"] {
        let mut socket = join(&server, "ann", &[]).await;
        socket.send(&news(seconds)).await.unwrap();
        sockets.push(spawn(async move { frame(&mut socket).await }));
        sleep(Duration::from_secs(5)).await;
        assert_eq!(layer.hub().stats().dispatches_running, 1);
    }
    let mut answers = Vec::new();
    for socket in sockets {
        answers.push(socket.await.unwrap());
    }
    // The second one's turn comes after 20 seconds and takes its 30, by when the others have waited
    // theirs.
    assert_eq!(answers[0]["message"], "20");
    assert_eq!(answers[1]["error"]["code"], "timeout");
    for answer in &answers[2..] {
        assert_eq!(
            answer["error"],
            json!({"code": "overloaded", "status": 503, "retry_after": 1})
        );
    }
    assert_eq!(layer.hub().stats().dispatches_failed, 3);
}

#[tokio::test]
async fn a_message_without_a_handler_is_told_the_path_that_was_asked() {
    for (config, asked, advice) in [
        (config(), "/__WebSocket.wwd", "use layer.layer(router)"),
        (
            config().base_path("/orders"),
            "/orders/__WebSocket.wwd",
            "use layer.layer(router)",
        ),
        (
            config().follow_page_directory(true),
            "/orders/5/__WebSocket.wwd",
            "Config::follow_page_directory",
        ),
    ] {
        let log = log::capture();
        let layer = WebConnectionSocketLayer::new(config);
        let server = serve(&layer);
        let page = "/orders/5/__initializeSocket.wc";
        let mut ann = server.connect(page).await.unwrap();
        ann.send(&news("x")).await.unwrap();
        let error = frame(&mut ann).await;
        assert_eq!(error["error"], json!({"code": "no_handler", "status": 404}));
        let told = error["message"].as_str().unwrap();
        assert!(told.contains(&format!("POST {asked}")), "{told}");
        let errors = log.of(Level::ERROR);
        let logged = format!("no handler read POST {asked} (");
        assert!(errors[0].contains(&logged), "{errors:?}");
        assert!(errors[0].contains(advice), "{errors:?}");
    }
}

#[tokio::test]
async fn a_router_layered_inside_out_is_told_loudly() {
    let log = log::capture();
    let layer = WebConnectionSocketLayer::new(config());
    let router = Router::new()
        .route("/page", get(async || "a page"))
        .route(WEB_SOCKET, post(async |_: Socket| ()))
        .layer(layer.clone());
    let server = Server::new(router);
    let mut ann = server.connect("/").await.unwrap();
    ann.send(&news("x")).await.unwrap();
    assert_eq!(error_of(&mut ann).await, ("no_handler".into(), 404));
    let errors = log.of(Level::ERROR);
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(
        errors[0].contains("use layer.layer(router), not router.layer(layer)"),
        "{errors:?}"
    );
    ann.send(&news("x")).await.unwrap();
    assert_eq!(error_of(&mut ann).await.0, "no_handler");
    assert_eq!(log.of(Level::ERROR).len(), 1, "once, not once per message");

    // There the layer's inner service is the page's handler, which answers everything.
    let mut bob = server.connect("/page").await.unwrap();
    bob.send(&news("x")).await.unwrap();
    until("the log warns of it", || log.text().contains("WARN")).await;
    assert!(log.of(Level::WARN)[0].contains("layer.layer(router)"));
}

#[tokio::test]
async fn a_fallback_that_answers_everything_is_warned_about() {
    let log = log::capture();
    let layer = WebConnectionSocketLayer::new(config());
    let app = Router::new().fallback(async || axum::response::Html("<div id=app></div>"));
    let server = serve_app(&layer, app);
    let mut ann = join(&server, "ann", &[]).await;
    for _ in 0..2 {
        ann.send(&news("x")).await.unwrap();
    }
    until("both are handled", || {
        let stats = layer.hub().stats();
        stats.messages_in == 2 && stats.dispatches_running == 0
    })
    .await;
    let warnings = log.of(Level::WARN);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("layer.layer(router)"), "{warnings:?}");
}

#[tokio::test]
async fn a_handlers_own_404_is_no_missing_handler() {
    let app = post(async |_: Socket| StatusCode::NOT_FOUND);
    let layer = WebConnectionSocketLayer::new(config());
    let server = serve_app(&layer, Router::new().route(WEB_SOCKET, app));
    let mut ann = join(&server, "ann", &[]).await;
    ann.send(&news("x")).await.unwrap();
    assert_eq!(error_of(&mut ann).await, ("failed".into(), 404));
}

#[tokio::test]
async fn s06_a_handler_that_broadcasts_over_http_does_not_wait_for_itself() {
    let (this, server) = tokio::sync::watch::channel(None::<Server>);
    let app = post(async move |socket: Socket| {
        let server = server.borrow().clone().expect("a server that runs");
        let message = socket.create_message().text("from the handler");
        let answer = post_to(&server, BROADCAST, message.encode()).await;
        answer.status()
    });
    let app = Router::new()
        .route(WEB_SOCKET, app)
        .layer(GlobalConcurrencyLimitLayer::new(1));
    let layer = WebConnectionSocketLayer::new(config());
    // One place in the whole application, and one more time around everything inside the layer.
    let app = tower::limit::ConcurrencyLimit::new(app, 1);
    let running = Server::new(layer.layer(app));
    this.send_replace(Some(running.clone()));
    let mut ann = join(&running, "ann", &[]).await;
    let mut bob = join(&running, "bob", &[]).await;
    for _ in 0..3 {
        ann.send(&news("x")).await.unwrap();
        for socket in [&mut ann, &mut bob] {
            assert_eq!(text(socket).await, "from the handler");
        }
    }
    let outside = soon("an answer", post_to(&running, WEB_SOCKET, "{}")).await;
    assert_eq!(outside.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_failing_inner_service_costs_one_message() {
    let layer = WebConnectionSocketLayer::new(config());
    type Request = http::Request<web_connection_socket::RequestBody<hyper::body::Incoming>>;
    let app = tower::service_fn(async |request: Request| {
        let socket = Socket::from_extensions(request.extensions()).expect("a dispatched message");
        assert_eq!(socket.event(), SocketEvent::Message);
        match socket.message().message.as_str() {
            "fail" => Err(std::io::Error::other(SECRET)),
            _ => Ok(http::Response::new(axum::body::Body::empty())),
        }
    });
    let server = Server::new(layer.layer(app));
    let mut ann = join(&server, "ann", &[]).await;
    ann.send(&news("fail")).await.unwrap();
    let error = frame(&mut ann).await;
    assert_eq!(error["error"]["code"], "failed");
    assert!(!error.to_string().contains("swordfish"));
    layer.hub().broadcast(&news("alive"));
    assert_eq!(text(&mut ann).await, "alive");
}
