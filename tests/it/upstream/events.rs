//! Sockets that open and end, as an upstream is told of them.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use http::{Request, Response, StatusCode};
use tokio::time::sleep;
use web_connection_socket::{Config, WebConnectionSocketLayer};

use super::{
    Done,
    backend::{Backend, answer, reply},
    in_memory, layer, nothing,
};
use crate::support::{join, leave, news, serve, text};

const SECOND: Duration = Duration::from_secs(1);

fn lifecycle() -> Config {
    Config::new().lifecycle_events(true)
}

#[tokio::test]
async fn a_socket_opens_speaks_and_ends() {
    let backend = Backend::start(|asked| match asked.header("websocket-event") {
        "connect" => answer(
            200,
            &[
                ("Content-Type", "application/json"),
                ("WebSocket-Join", "lobby"),
                ("WebSocket-State", "seen"),
            ],
            r#"{"action":"x","message":"welcome"}"#,
        ),
        "disconnect" => answer(204, &[], ""),
        _ => reply(asked.header("websocket-state")),
    })
    .await;
    let layer = layer(&backend, lifecycle());
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    assert_eq!(text(&mut ann).await, "welcome");
    let id = layer.hub().sockets()[0];
    assert_eq!(layer.hub().groups_of(id), ["lobby"]);
    ann.send(&news("x")).await.unwrap();
    assert_eq!(text(&mut ann).await, "seen");
    leave(ann, &layer.hub()).await;
    let asked = backend.visits.wait(3).await;
    let seen: Vec<_> = asked
        .iter()
        .map(|asked| {
            (
                asked.header("websocket-event"),
                asked.header("websocket-state"),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [("connect", ""), ("message", "seen"), ("disconnect", "seen")]
    );
    let end: serde_json::Value = serde_json::from_str(&asked[2].text()).unwrap();
    assert_eq!(
        (&end["code"], &end["undelivered"]),
        (&1_000.into(), &0.into())
    );
    assert!(
        asked
            .iter()
            .all(|asked| asked.header("websocket-connection-id") == id.to_string())
    );
}

#[tokio::test]
async fn a_refused_connect_is_the_answer_to_the_upgrade() {
    let backend = Backend::start(|asked| match asked.header("websocket-user-id") {
        "ann" => answer(204, &[], ""),
        "bob" => answer(
            402,
            &[("Content-Type", "text/html")],
            "<p>Bob has to pay.</p>",
        ),
        "cleo" => answer(404, &[], ""),
        _ => answer(302, &[("Location", "/login")], ""),
    })
    .await;
    let layer = layer(&backend, lifecycle());
    let server = serve(&layer);
    for (user, status, body) in [
        ("bob", 402, "<p>Bob has to pay.</p>"),
        ("cleo", 404, ""),
        ("dan", 302, ""),
    ] {
        let refused = server
            .connect(&format!("/?userId={user}"))
            .await
            .unwrap_err();
        let refused = refused.refusal().expect("an answer");
        assert_eq!(refused.status().as_u16(), status, "{user}");
        assert!(String::from_utf8_lossy(refused.body()).contains(body));
    }
    let ann = join(&server, "ann", &[]).await;
    leave(ann, &layer.hub()).await;
    let asked = backend.visits.wait(5).await;
    let ends = asked
        .iter()
        .filter(|asked| asked.header("websocket-event") == "disconnect");
    assert_eq!(ends.count(), 1, "of the one that opened");
}

#[tokio::test]
async fn an_upgrade_while_the_upstream_is_down_is_refused_for_now() {
    let backend = Backend::down(|_| answer(204, &[], "")).await;
    let layer = WebConnectionSocketLayer::new(lifecycle())
        .upstream(super::upstream(&backend).hold(Duration::ZERO));
    let server = serve(&layer);
    let refused = server.connect("/?userId=ann").await.unwrap_err();
    let refused = refused.refusal().expect("an answer");
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["retry-after"], "3");
    assert!(layer.hub().is_empty());
}

/// The application may have it for open, so it hears of the end; the client is to come again.
#[tokio::test(start_paused = true)]
async fn a_socket_that_did_not_open_because_the_answer_was_lost_ends_for_the_application_too() {
    let unusable = || {
        let answer = Response::builder().header("content-encoding", "gzip");
        let answer = answer.status(403);
        Done::Answer(answer.body("x".into()).expect("a response"))
    };
    let refused = || Done::Answer(Response::builder().status(403).body("".into()).unwrap());
    type Case = (fn() -> Done, u16, &'static [&'static str]);
    let cases: [Case; 4] = [
        (|| Done::Lost, 503, &["connect", "disconnect"]),
        (|| Done::Late(100 * SECOND), 504, &["connect", "disconnect"]),
        (unusable, 500, &["connect", "disconnect"]),
        (refused, 403, &["connect"]),
    ];
    for (bad, status, expected) in cases {
        let told = Arc::new(Mutex::new(Vec::new()));
        let seen = told.clone();
        let upstream = in_memory(move |request: &Request<_>| {
            let value = |name| request.headers()[name].to_str().unwrap().to_owned();
            let event = value("websocket-event");
            let is_connect = event == "connect";
            seen.lock()
                .unwrap()
                .push((event, value("websocket-connection-id")));
            if is_connect { bad() } else { nothing() }
        });
        let layer = WebConnectionSocketLayer::new(lifecycle()).upstream(upstream);
        let server = serve(&layer);
        let answer = server.connect("/?userId=ann").await.unwrap_err();
        let answer = answer.refusal().expect("an answer");
        assert_eq!(answer.status().as_u16(), status);
        assert_eq!(answer.headers().contains_key("retry-after"), status == 503);
        sleep(SECOND).await;
        let told = told.lock().unwrap().clone();
        let events: Vec<_> = told.iter().map(|(event, _)| &**event).collect();
        assert_eq!(events, expected);
        assert!(told.iter().all(|(_, id)| *id == told[0].1));
        assert!(layer.hub().is_empty());
    }
}

/// Whether the upstream loses, refuses to take, or delays: the same event comes again.
#[tokio::test(start_paused = true)]
async fn a_disconnect_event_is_told_until_it_was_heard() {
    type Bad = fn() -> Done;
    let unavailable = || {
        let answer = Response::builder().status(503).header("retry-after", "2");
        Done::Answer(answer.body("".into()).expect("a response"))
    };
    let bad_gateway = || {
        let answer = Response::builder().status(502);
        Done::Answer(answer.body("".into()).expect("a response"))
    };
    let cases: [(Bad, &str); 4] = [
        (|| Done::NotSent, "not sent"),
        (|| Done::Lost, "lost"),
        (unavailable, "unavailable"),
        (bad_gateway, "a bad gateway"),
    ];
    for (bad, name) in cases {
        let told = Arc::new(Mutex::new(Vec::new()));
        let is_up = Arc::new(AtomicBool::new(true));
        let (seen, up) = (told.clone(), is_up.clone());
        let upstream = in_memory(move |request: &Request<_>| {
            if request.headers()["websocket-event"] == "disconnect" {
                let value = |name| request.headers()[name].to_str().unwrap().to_owned();
                let age = value("websocket-event-age").parse::<u64>().unwrap();
                seen.lock()
                    .unwrap()
                    .push((value("websocket-message-id"), age));
            }
            if up.load(Relaxed) { nothing() } else { bad() }
        });
        let layer = WebConnectionSocketLayer::new(lifecycle()).upstream(upstream);
        let server = serve(&layer);
        let ann = join(&server, "ann", &[]).await;
        is_up.store(false, Relaxed);
        leave(ann, &layer.hub()).await;
        sleep(40 * SECOND).await;
        is_up.store(true, Relaxed);
        sleep(40 * SECOND).await;
        let told = told.lock().unwrap().clone();
        assert!((3..60).contains(&told.len()), "{name}: {told:?}");
        assert!(told.iter().all(|(id, _)| *id == told[0].0), "{name}");
        let ages: Vec<_> = told.iter().map(|(_, age)| *age).collect();
        assert!(ages.is_sorted() && ages[0] == 0, "{name}: {ages:?}");
        assert!(*ages.last().unwrap() >= 40, "{name}: {ages:?}");
        assert_eq!(layer.hub().stats().dispatches_failed, 1, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_the_application_refuses_is_not_repeated() {
    for status in [200, 404, 422, 500, 503] {
        let told = Arc::new(Mutex::new(0));
        let seen = told.clone();
        let upstream = in_memory(move |request: &Request<_>| {
            if request.headers()["websocket-event"] == "connect" {
                return nothing();
            }
            *seen.lock().unwrap() += 1;
            let answer = Response::builder().status(status);
            Done::Answer(answer.body("".into()).expect("a response"))
        });
        let layer = WebConnectionSocketLayer::new(lifecycle()).upstream(upstream);
        let server = serve(&layer);
        leave(join(&server, "ann", &[]).await, &layer.hub()).await;
        sleep(200 * SECOND).await;
        assert_eq!(*told.lock().unwrap(), 1, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_comes_after_the_last_message_that_waited() {
    let order = Arc::new(Mutex::new(Vec::new()));
    let is_up = Arc::new(AtomicBool::new(true));
    let (seen, up) = (order.clone(), is_up.clone());
    let upstream = in_memory(move |request: &Request<_>| {
        if !up.load(Relaxed) {
            return Done::NotSent;
        }
        let event = request.headers()["websocket-event"].to_str().unwrap();
        seen.lock().unwrap().push(event.to_owned());
        nothing()
    });
    let layer = WebConnectionSocketLayer::new(lifecycle()).upstream(upstream);
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    is_up.store(false, Relaxed);
    ann.send(&news("one")).await.unwrap();
    ann.send(&news("two")).await.unwrap();
    sleep(SECOND).await;
    drop(ann);
    sleep(3 * SECOND).await;
    is_up.store(true, Relaxed);
    sleep(10 * SECOND).await;
    assert_eq!(
        *order.lock().unwrap(),
        ["connect", "message", "message", "disconnect"]
    );
}

/// Events that wait are bounded by their number: a client that reconnects is not locked out by its own.
#[tokio::test(start_paused = true)]
async fn sockets_whose_end_is_overdue_keep_no_places() {
    let upstream = in_memory(|request: &Request<_>| {
        if request.headers()["websocket-event"] == "connect" {
            nothing()
        } else {
            Done::Lost
        }
    });
    let config = lifecycle().max_sockets_per_client(2);
    let layer = WebConnectionSocketLayer::new(config).upstream(upstream);
    let server = serve(&layer);
    for _ in 0..10 {
        leave(join(&server, "ann", &[]).await, &layer.hub()).await;
        sleep(SECOND).await;
    }
    assert!(layer.hub().is_empty());
}
