//! The events before a socket opens and after it is gone.

use std::{convert::Infallible, time::Duration};

use axum::{
    Router,
    body::Body,
    response::{IntoResponse, Response},
    routing::post,
};
use http::{HeaderValue, StatusCode, header::CONTENT_TYPE};
use serde_json::{Value, json};
use tokio::{
    sync::{Semaphore, mpsc},
    time::{Instant, timeout},
};
use tower::{Layer, ServiceExt, service_fn};
use web_connection_socket::{
    CloseReason, Recipient, Rejection, Socket, SocketEvent, SocketMessage,
    WebConnectionSocketLayer, testing::Server,
};

use crate::support::{
    config,
    http::WEB_SOCKET,
    join, log, news, news_to, relay, serve, serve_app, soon, text, until,
    wire::{self, Wire, close_payload, handshake, masked},
};

#[tokio::test]
async fn a_hook_that_refuses_decides_status_and_body() {
    let layer = relay().on_connect(async |socket: Socket| match socket.user().id().as_str() {
        "ann" => Ok(()),
        "bob" => Err(Rejection::new(StatusCode::PAYMENT_REQUIRED).detail("Bob has to pay.")),
        _ => {
            let html = HeaderValue::from_static("text/html");
            Err(Rejection::new(StatusCode::FORBIDDEN).body(html, "<p>no</p>"))
        }
    });
    let server = serve(&layer);
    let bob = server.connect("/?userId=bob").await.unwrap_err();
    let bob = bob.refusal().unwrap();
    assert_eq!(bob.status(), StatusCode::PAYMENT_REQUIRED);
    assert_eq!(bob.headers()[CONTENT_TYPE], "application/problem+json");
    assert!(String::from_utf8_lossy(bob.body()).contains("Bob has to pay."));
    let cleo = server.connect("/?userId=cleo").await.unwrap_err();
    let cleo = cleo.refusal().unwrap();
    assert_eq!(cleo.status(), StatusCode::FORBIDDEN);
    assert_eq!(
        (&cleo.headers()[CONTENT_TYPE], &cleo.body()[..]),
        (&HeaderValue::from_static("text/html"), &b"<p>no</p>"[..])
    );
    assert!(layer.hub().is_empty());

    let mut ann = join(&server, "ann", &[]).await;
    assert_eq!(layer.hub().broadcast(&news("x")).matched, 1);
    assert_eq!(text(&mut ann).await, "x");
}

#[tokio::test]
async fn what_the_connect_event_does_takes_effect_when_the_socket_opens() {
    let layer = relay().on_connect(async |socket: Socket| {
        assert_eq!(socket.event(), SocketEvent::Connect);
        assert_eq!(socket.message().action, "connect");
        socket.join("vip").expect("room for a group");
        assert!(socket.leave("chat"));
        socket.reply(&news("welcome")).expect("an open queue");
        // It is not open yet: no other socket sees it, and it sees nothing.
        assert!(socket.hub().is_empty());
        assert_eq!(socket.broadcast(&news("too early")).matched, 0);
        Ok(())
    });
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &["chat"]).await;
    layer
        .hub()
        .broadcast(&news_to("for chat", [Recipient::group("chat")]));
    layer
        .hub()
        .broadcast(&news_to("for vip", [Recipient::group("vip")]));
    assert_eq!(text(&mut ann).await, "welcome");
    assert_eq!(text(&mut ann).await, "for vip");
    assert_eq!(layer.hub().groups(), [("vip".into(), 1)]);
}

#[tokio::test]
async fn the_inner_service_hears_of_both_events() {
    let (events, mut told) = mpsc::channel(8);
    let app = post(async move |socket: Socket, headers: http::HeaderMap| {
        let event = headers["websocket-event"].to_str().unwrap().to_owned();
        assert_eq!(event, socket.event().as_str());
        events
            .send((event, socket.message().clone()))
            .await
            .unwrap();
        match (socket.event(), socket.user().id().as_str()) {
            (SocketEvent::Connect, "ann") => (
                [
                    ("websocket-join", "vip"),
                    ("content-type", "application/json"),
                ],
                r#"{"action":"welcome"}"#,
            )
                .into_response(),
            (SocketEvent::Connect, _) => (StatusCode::CONFLICT, "one is enough").into_response(),
            _ => ().into_response(),
        }
    });
    let layer = WebConnectionSocketLayer::new(config().lifecycle_events(true));
    let server = serve_app(&layer, Router::new().route(WEB_SOCKET, app));

    let refused = server.connect("/?userId=bob").await.unwrap_err();
    let refusal = refused.refusal().unwrap();
    assert_eq!(
        (refusal.status(), &refusal.body()[..]),
        (StatusCode::CONFLICT, &b"one is enough"[..])
    );
    assert_eq!(told.recv().await.unwrap().0, "connect");

    let mut ann = join(&server, "ann", &["chat"]).await;
    assert_eq!(ann.receive().await.unwrap().action, "welcome");
    assert_eq!(layer.hub().groups().len(), 2);
    let (event, message) = told.recv().await.unwrap();
    assert_eq!((&*event, &*message.action), ("connect", "connect"));
    assert_eq!(
        (message.user_id.as_str(), message.group_id.as_str()),
        ("ann", "chat")
    );

    ann.send(&news("x")).await.unwrap();
    assert_eq!(told.recv().await.unwrap().0, "message");
    ann.close(CloseReason::new(4002, "had enough"))
        .await
        .unwrap();
    let (event, message) = soon("the disconnect event", told.recv()).await.unwrap();
    assert_eq!((&*event, &*message.action), ("disconnect", "disconnect"));
    let end: Value = message.parse_json().unwrap();
    assert_eq!(
        end,
        json!({"code": 4002, "reason": "had enough", "undelivered": 0})
    );
    until("its task has ended", no_tasks_left).await;
    assert!(
        told.try_recv().is_err(),
        "a second disconnect event, or one for Bob"
    );
}

#[tokio::test]
async fn an_application_without_a_route_for_events_refuses_every_socket() {
    let log = log::capture();
    let layer = WebConnectionSocketLayer::new(config().lifecycle_events(true));
    let refused = serve(&layer).connect("/").await.unwrap_err();
    assert_eq!(refused.refusal().unwrap().status(), StatusCode::NOT_FOUND);
    assert!(log.text().contains("no handler read POST /__WebSocket.wwd"));
    assert!(layer.hub().is_empty());
}

#[tokio::test(start_paused = true)]
async fn each_way_to_end_is_told_once_with_its_code() {
    let (layer, mut ends) = with_ends();
    let server = serve(&layer);

    let ann = join(&server, "ann", &[]).await;
    ann.close(CloseReason::NORMAL).await.unwrap();
    assert_eq!(
        ends.recv().await.unwrap(),
        json!({"code": 1000, "reason": "", "undelivered": 0})
    );

    let mut wire = Wire::open(&server, "/").await;
    wire.send(&masked(true, wire::CLOSE, b"")).await;
    assert_eq!(ends.recv().await.unwrap()["code"], 1005);

    let mut wire = Wire::open(&server, "/").await;
    wire.send(&masked(true, wire::BINARY, b"x")).await;
    wire.frame().await;
    drop(wire);
    assert_eq!(ends.recv().await.unwrap()["code"], 1003);

    drop(Wire::open(&server, "/").await);
    assert_eq!(ends.recv().await.unwrap()["code"], 1006);

    let mut wire = Wire::open(&server, "/?userId=ann").await;
    layer
        .hub()
        .close_user("ann", &CloseReason::new(4000, "kicked"));
    wire.send(&masked(true, wire::CLOSE, &close_payload(4999, "my own")))
        .await;
    let end = ends.recv().await.unwrap();
    assert_eq!(
        (&end["code"], &end["reason"]),
        (&json!(4000), &json!("kicked"))
    );

    until("all tasks have ended", no_tasks_left).await;
    assert!(ends.try_recv().is_err());
}

#[tokio::test]
async fn what_was_not_delivered_is_told_at_the_end() {
    let (layer, mut ends) = with_ends();
    let server = serve(&layer);
    let wire = Wire::open(&server, "/").await;
    for _ in 0..10 {
        layer.hub().broadcast(&news("x".repeat(30_000)));
    }
    until("two are written", || layer.hub().stats().messages_out == 2).await;
    drop(wire);
    assert_eq!(
        soon("the end", ends.recv()).await.unwrap()["undelivered"],
        8
    );
    assert_eq!(layer.hub().stats().undelivered, 8);
}

#[tokio::test]
async fn a_visitor_that_leaves_during_its_connect_event_is_told_of_once() {
    let (connects, mut connecting) = mpsc::channel(8);
    let gate: &'static Semaphore = Box::leak(Box::new(Semaphore::new(0)));
    let (layer, mut ends) = with_ends();
    let layer = layer.on_connect(move |socket: Socket| {
        let connects = connects.clone();
        async move {
            connects.send(socket.clone()).await.unwrap();
            gate.acquire().await.unwrap().forget();
            socket.reply(&news("welcome")).unwrap();
            Ok(())
        }
    });
    let server = serve(&layer);
    let mut wire = Wire::over(server.open());
    wire.send(handshake("/?userId=ann").as_bytes()).await;
    let socket = soon("the connect event", connecting.recv()).await.unwrap();
    drop(wire);
    gate.add_permits(1);
    let end = soon("the disconnect event", ends.recv()).await.unwrap();
    assert_eq!(
        end,
        json!({"code": 1006, "reason": "connection lost", "undelivered": 1})
    );
    until("its task has ended", no_tasks_left).await;
    assert!(ends.try_recv().is_err());
    assert!(layer.hub().is_empty());
    assert!(socket.join("afterlife").is_err());
}

#[tokio::test(start_paused = true)]
async fn a_101_that_does_not_become_a_connection_ends_the_socket_it_was_for() {
    let (layer, mut ends) = with_ends();
    // Something outside answers in place of the layer: its upgrade never comes.
    let replaced = layer.layer(Router::new());
    let server = Server::new(service_fn(move |request| {
        let replaced = replaced.clone();
        async move {
            let answer: Result<Response, Infallible> = replaced.oneshot(request).await;
            answer.map(|_switching| Response::new(Body::empty()))
        }
    }));
    let begin = Instant::now();
    let log = log::capture();
    let refused = server.connect("/").await.unwrap_err();
    assert_eq!(refused.refusal().unwrap().status(), StatusCode::OK);
    let end = timeout(Duration::from_secs(20), ends.recv())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(end["code"], 1006);
    assert!(
        begin.elapsed() <= Duration::from_secs(10),
        "{:?}",
        begin.elapsed()
    );
    assert!(layer.hub().is_empty(), "{}", log.text());
}

#[tokio::test(start_paused = true)]
async fn a_connect_event_that_hangs_refuses_at_the_dispatch_timeout() {
    let (layer, mut ends) = with_ends();
    let layer = layer.on_connect(async |_| std::future::pending().await);
    let begin = Instant::now();
    let refused = serve(&layer).connect("/").await.unwrap_err();
    assert_eq!(
        refused.refusal().unwrap().status(),
        StatusCode::GATEWAY_TIMEOUT
    );
    assert_eq!(begin.elapsed().as_secs(), 30);
    assert!(layer.hub().is_empty());
    assert!(
        ends.try_recv().is_err(),
        "a disconnect event without an accepted connect"
    );
}

#[tokio::test]
async fn an_error_of_the_socket_in_the_connect_hook_refuses_it() {
    let layer = relay().on_connect(async |socket: Socket| {
        socket.join("g".repeat(10_000))?;
        Ok(())
    });
    let refused = serve(&layer).connect("/").await.unwrap_err();
    let answer = refused.refusal().unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert_eq!(answer.headers()["websocket-refusal"], "application_refused");
    assert!(layer.hub().is_empty());
}

#[tokio::test]
async fn a_refused_connect_gets_no_disconnect_event() {
    let (layer, mut ends) = with_ends();
    let layer = layer.on_connect(async |_| Err(Rejection::new(StatusCode::FORBIDDEN)));
    let server = serve(&layer);
    assert!(server.connect("/").await.is_err());
    until("its task has ended", no_tasks_left).await;
    assert!(ends.try_recv().is_err());
}

#[tokio::test]
async fn what_was_sent_before_the_end_is_handled_before_the_disconnect_event() {
    let (events, mut told) = mpsc::channel(16);
    let disconnects = events.clone();
    let layer = WebConnectionSocketLayer::new(config())
        .on_web_socket(move |socket: Socket| {
            let events = events.clone();
            async move {
                tokio::task::yield_now().await;
                events.send(socket.message().message.clone()).await.unwrap();
            }
        })
        .on_disconnect(move |_| {
            let events = disconnects.clone();
            async move { events.send("gone".to_owned()).await.unwrap() }
        });
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    ann.send(&news("first")).await.unwrap();
    ann.send(&SocketMessage::new("x").text("second"))
        .await
        .unwrap();
    drop(ann);
    for expected in ["first", "second", "gone"] {
        assert_eq!(soon("an event", told.recv()).await.unwrap(), expected);
    }
}

/// A relaying layer that hands over what each disconnect event says.
fn with_ends() -> (WebConnectionSocketLayer, mpsc::Receiver<Value>) {
    let (ends, receiver) = mpsc::channel(8);
    let layer = relay().on_disconnect(move |socket: Socket| {
        let ends = ends.clone();
        async move {
            assert_eq!(socket.event(), SocketEvent::Disconnect);
            let end = socket.message().parse_json().expect("an end in JSON");
            ends.send(end).await.expect("a test that listens");
        }
    });
    (layer, receiver)
}

/// Whether every task of this test's own runtime has ended: of sockets, and of connections.
fn no_tasks_left() -> bool {
    tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks()
        == 0
}
