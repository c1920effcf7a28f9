//! The hook for a socket that has opened.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Body, response::Response};
use http::Request;
use tokio::{
    runtime::Handle,
    sync::{Semaphore, mpsc},
    time::sleep,
};
use tower::Layer;
use tracing::Level;
use web_connection_socket::{
    CloseReason, RawMessage, Socket, SocketEvent, WebConnectionSocketLayer,
};

use crate::support::{
    app::Visits,
    config, error_of, frame, join, log, news, relay, serve, serve_app, soon, spawn, text, until,
    wire::{self, Wire, handshake, masked, masked_text},
};

#[tokio::test]
async fn it_is_called_when_the_socket_is_reached_and_counted() {
    let layer = relay()
        .on_connect(async |socket: Socket| {
            socket.reply(&news("from connect")).expect("an open queue");
            Ok(())
        })
        .on_open(async |socket: Socket| {
            assert_eq!(socket.event(), SocketEvent::Open);
            let message = socket.message();
            assert_eq!(
                (&*message.action, message.user_id.as_str()),
                ("open", "ann")
            );
            assert_eq!(message.group_id.as_str(), "chat");
            assert_eq!(socket.hub().len(), 1);
            let language = socket
                .handshake()
                .and_then(|its| its.header("accept-language"));
            assert_eq!(language.expect("the handshake's header"), "de");
            socket.join("vip").expect("room for a group");
            assert_eq!(socket.broadcast(&news("for vip").to_group("vip")).queued, 1);
            socket.reply(&news("welcome"))
        });
    let visit = Request::get("/?userId=ann&groupId=chat").header("accept-language", "de");
    let mut ann = serve(&layer)
        .connect_with(visit.body(()).unwrap())
        .await
        .unwrap();
    for expected in ["from connect", "for vip", "welcome"] {
        assert_eq!(text(&mut ann).await, expected);
    }
    assert_eq!(layer.hub().stats().dispatches_failed, 0);
}

#[tokio::test(start_paused = true)]
async fn messages_wait_for_it_in_order_and_are_not_read_far_ahead() {
    const COUNT: usize = 100;
    let gate: &'static Semaphore = Box::leak(Box::new(Semaphore::new(0)));
    let (layer, told) = told(|layer| layer);
    let told_open = told.clone();
    let layer = layer.on_open(move |_| {
        let told = told_open.clone();
        async move {
            gate.acquire().await.expect("an open gate").forget();
            told.note("open");
        }
    });
    let server = serve(&layer);
    let mut wire = Wire::open(&server, "/").await;
    let sending = spawn(async move {
        for n in 0..COUNT {
            let text = format!("{n} {}", "x".repeat(4 * 1024));
            wire.send(&masked_text(&format!(r#"{{"message":"{text}"}}"#)))
                .await;
        }
        wire.send(&masked(true, wire::CLOSE, b"")).await;
        wire
    });
    // A paused clock moves when all else waits: by then the sender is held back.
    sleep(Duration::from_secs(5)).await;
    assert!(!sending.is_finished(), "everything was read");
    assert_eq!(told.take(), [""; 0]);
    assert_eq!(layer.hub().stats().messages_in, 0);

    gate.add_permits(1);
    sending.await.unwrap();
    until("the end is told", || told.len() == COUNT + 2).await;
    let numbers = (0..COUNT).map(|n| n.to_string());
    let expected = ["open".to_owned()].into_iter().chain(numbers);
    let expected: Vec<_> = expected.chain(["disconnect".to_owned()]).collect();
    assert_eq!(told.take(), expected);
}

// Nothing is read while a message is parked: a ping finds out that the visitor is gone.
#[tokio::test(start_paused = true)]
async fn a_visitor_that_leaves_meanwhile_is_told_of_in_order() {
    let gate: &'static Semaphore = Box::leak(Box::new(Semaphore::new(0)));
    let (layer, told) = told(|layer| layer);
    let told_open = told.clone();
    let layer = layer.on_open(move |_| {
        let told = told_open.clone();
        async move {
            told.note("opening");
            gate.acquire().await.expect("an open gate").forget();
            told.note("open");
        }
    });
    let mut wire = Wire::open(&serve(&layer), "/").await;
    wire.send(&masked_text(r#"{"message":"last words"}"#)).await;
    until("it is called", || told.len() == 1).await;
    drop(wire);
    until("the socket is gone", || layer.hub().is_empty()).await;
    gate.add_permits(1);
    until("the end is told", || told.len() == 4).await;
    assert_eq!(told.take(), ["opening", "open", "last", "disconnect"]);
}

#[tokio::test]
async fn every_way_to_open_calls_it_once() {
    let (layer, told) = told(WebConnectionSocketLayer::relay);
    let layer = note_open(layer, &told);
    let server = serve(&layer);
    for server in [server.clone(), server.http2()] {
        let mut ann = join(&server, "ann", &[]).await;
        ann.send(&news("x")).await.unwrap();
        assert_eq!(text(&mut ann).await, "x");
        ann.close(CloseReason::NORMAL).await.unwrap();
        until("the end is told", || told.len() == 2).await;
        assert_eq!(told.take(), ["open", "disconnect"]);
    }

    let (parts, ()) = Request::get("/").body(()).unwrap().into_parts();
    let (stream, far_end) = tokio::io::duplex(1024);
    let service = layer.layer(Router::new());
    let running = spawn(service.accept::<Body, _, _>(parts, stream));
    let mut wire = Wire::over(far_end);
    wire.send(&masked_text(r#"{"message":"x"}"#)).await;
    assert!(wire.text().await.contains('x'));
    drop(wire);
    soon("the end", running).await.unwrap().unwrap();
    assert_eq!(told.take(), ["open", "disconnect"]);

    let (layer, told) = self::told(|layer| {
        layer.on_raw(async |socket: Socket, message: RawMessage| socket.send_raw(&message))
    });
    let layer = note_open(layer, &told);
    let mut ann = join(&serve(&layer), "ann", &[]).await;
    ann.send_binary("x").await.unwrap();
    assert_eq!(ann.receive_raw().await.unwrap().as_bytes(), b"x");
    assert_eq!(told.take(), ["open"]);
}

#[tokio::test]
async fn a_visitor_that_leaves_during_the_handshake_is_only_told_of_at_its_end() {
    let gate: &'static Semaphore = Box::leak(Box::new(Semaphore::new(0)));
    let (connects, mut connecting) = mpsc::channel(1);
    let (layer, told) = told(WebConnectionSocketLayer::relay);
    let layer = note_open(layer, &told).on_connect(move |_| {
        let connects = connects.clone();
        async move {
            connects.send(()).await.expect("a test that listens");
            gate.acquire().await.expect("an open gate").forget();
            Ok(())
        }
    });
    let mut wire = Wire::over(serve(&layer).open());
    wire.send(handshake("/").as_bytes()).await;
    soon("the connect event", connecting.recv()).await.unwrap();
    drop(wire);
    let tasks = || Handle::current().metrics().num_alive_tasks();
    until("the connection is gone", || tasks() == 1).await;
    gate.add_permits(1);
    until("the socket is gone", || tasks() == 0).await;
    assert_eq!(told.take(), ["disconnect"]);
}

#[tokio::test(start_paused = true)]
async fn its_failure_costs_nothing_else_and_is_logged_and_counted() {
    let log = log::capture();
    let layer = relay().on_open(async |socket: Socket| match socket.user().id().as_str() {
        "error" => Err("swordfish"),
        "panic" => panic!("a test's own panic"),
        _ => std::future::pending().await,
    });
    let server = serve(&layer);
    for (failed, (user, logged)) in [
        ("error", "swordfish"),
        ("panic", "panicked"),
        ("hang", "the news that a socket opened was not handled"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut ann = join(&server, user, &[]).await;
        // The first that it hears is its own message, and no error frame.
        ann.send(&news("x")).await.unwrap();
        assert_eq!(frame(&mut ann).await["message"], "x");
        assert_eq!(layer.hub().stats().dispatches_failed, failed as u64 + 1);
        assert!(log.text().contains(logged), "{}", log.text());
        ann.close(CloseReason::NORMAL).await.unwrap();
        sleep(Duration::from_secs(2)).await; // a line a second
    }
    assert_eq!(layer.hub().stats().dispatches_running, 0);
}

#[tokio::test(start_paused = true)]
async fn a_disconnect_event_that_hangs_or_is_refused_is_logged() {
    let log = log::capture();
    let layer = relay().on_disconnect(async |_| std::future::pending::<()>().await);
    drop(join(&serve(&layer), "ann", &[]).await);
    let hub = layer.hub();
    until("it is given up", || hub.stats().dispatches_failed == 1).await;

    let app = Visits::default().answering(|visit| match visit.header("websocket-event")[..] {
        ["disconnect"] => Response::builder().status(507).body(Body::empty()).unwrap(),
        _ => Response::new(Body::empty()),
    });
    let layer = WebConnectionSocketLayer::new(config().lifecycle_events(true));
    drop(join(&serve_app(&layer, app), "ann", &[]).await);
    let hub = layer.hub();
    until("it is answered", || hub.stats().dispatches_failed == 1).await;
    until("both are logged", || log.of(Level::WARN).len() == 2).await;
    let lines = log.of(Level::WARN);
    assert!(lines[0].contains("the news that a socket ended") && lines[0].contains("TimedOut"));
    assert!(lines[1].contains("the news that a socket ended") && lines[1].contains("507"));
}

#[tokio::test]
async fn the_inner_service_hears_of_two_events_only() {
    let visits = Visits::default();
    let (opened, mut opening) = mpsc::channel(1);
    let layer =
        WebConnectionSocketLayer::new(config().lifecycle_events(true)).on_open(move |_: Socket| {
            let opened = opened.clone();
            async move { opened.send(()).await }
        });
    let server = serve_app(&layer, visits.app());
    let mut ann = join(&server, "ann", &[]).await;
    soon("the hook is called", opening.recv()).await.unwrap();
    ann.send(&news("x")).await.unwrap();
    until("the message is there", || visits.len() == 2).await;
    ann.close(CloseReason::NORMAL).await.unwrap();
    until("the end is there", || visits.len() == 3).await;
    let events = visits.take().into_iter();
    let events: Vec<_> = events
        .map(|visit| visit.header("websocket-event").concat())
        .collect();
    assert_eq!(events, ["connect", "message", "disconnect"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_a_shutdown_cuts_off_is_still_followed_by_the_end() {
    let (layer, told) = told(WebConnectionSocketLayer::relay);
    let layer = layer.on_open(async |_| std::future::pending::<()>().await);
    let server = serve(&layer);
    let ann = join(&server, "ann", &[]).await;
    let report = layer.hub().shutdown(Duration::from_secs(1)).await;
    assert_eq!(report.closed + report.cut, 1);
    until("the end is told", || told.len() > 0).await;
    assert_eq!(told.take(), ["disconnect"]);
    drop(ann);
}

#[tokio::test]
async fn what_a_bad_message_gets_does_not_wait_behind_it_for_ever() {
    let layer = relay().on_open(async |socket: Socket| socket.reply(&news("welcome")));
    let server = serve(&layer);
    // Sent before the 101 was seen: it is read after the hook.
    let mut wire = Wire::over(server.open());
    let mut bytes = handshake("/").into_bytes();
    bytes.extend(masked_text("no JSON"));
    wire.send(&bytes).await;
    assert!(wire.head().await.starts_with("HTTP/1.1 101"));
    assert!(wire.text().await.contains("welcome"));
    assert!(wire.text().await.contains("bad_message"));

    let mut ann = join(&server, "ann", &[]).await;
    assert_eq!(text(&mut ann).await, "welcome");
    ann.send_text("no JSON").await.unwrap();
    assert_eq!(error_of(&mut ann).await.0, "bad_message");
}

/// What a layer's handlers were called with, in order.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn note(&self, what: &str) {
        self.0.lock().expect("no panic").push(what.to_owned());
    }

    fn len(&self) -> usize {
        self.0.lock().expect("no panic").len()
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().expect("no panic"))
    }
}

/// A layer that notes the first word of each message, and each end.
fn told(
    finish: impl FnOnce(WebConnectionSocketLayer) -> WebConnectionSocketLayer,
) -> (WebConnectionSocketLayer, Told) {
    let told = Told::default();
    let (messages, ends) = (told.clone(), told.clone());
    let layer = WebConnectionSocketLayer::new(config())
        .on_web_socket(move |socket: Socket| {
            let told = messages.clone();
            async move {
                let text = &socket.message().message;
                told.note(text.split(' ').next().unwrap_or_default());
            }
        })
        .on_disconnect(move |_| {
            let told = ends.clone();
            async move { told.note("disconnect") }
        });
    (finish(layer), told)
}

fn note_open(layer: WebConnectionSocketLayer, told: &Told) -> WebConnectionSocketLayer {
    let told = told.clone();
    layer.on_open(move |_| {
        let told = told.clone();
        async move { told.note("open") }
    })
}
