//! The end of a hub, with whatever is going on at that moment.

use std::{convert::Infallible, time::Duration};

use axum::{Router, response::Response};
use http::{StatusCode, header::RETRY_AFTER};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};
use tower::{Layer, ServiceExt, service_fn};
use tracing::Level;
use web_connection_socket::{CloseReason, Hub, Socket, WebConnectionSocketLayer, testing::Server};

use crate::support::{
    config,
    http::{BROADCAST, post, publish},
    join, log, news, relay, serve, soon, spawn, text, until,
    wire::{self, Wire, masked, masked_text},
};

const DEADLINE: Duration = Duration::from_secs(10);

#[tokio::test(start_paused = true)]
async fn everything_at_once_ends_by_the_deadline() {
    const HEALTHY: usize = 200;
    const STALLED: usize = 10;

    let (ends, mut told) = mpsc::channel(1_024);
    // Closed at once, so that each reader gets all that is said before.
    let layer = WebConnectionSocketLayer::new(config().drain_spread(Duration::ZERO))
        .on_web_socket(async |_| std::future::pending::<()>().await)
        .on_disconnect(move |socket: Socket| {
            let ends = ends.clone();
            async move {
                ends.send(socket.user().to_string())
                    .await
                    .expect("a test that listens")
            }
        });
    let server = serve(&layer);
    let hub = layer.hub();
    let mut healthy = Vec::new();
    for _ in 0..HEALTHY {
        healthy.push(join(&server, "healthy", &[]).await);
    }
    let mut stalled = Vec::new();
    for _ in 0..STALLED {
        stalled.push(Wire::open(&server, "/?userId=stalled").await);
    }
    let mut hung = Wire::open(&server, "/?userId=hung").await;
    hung.send(&masked_text("{}")).await;
    let mut torn = Wire::open(&server, "/?userId=torn").await;
    torn.send(&masked(false, wire::TEXT, br#"{"message":"#))
        .await;
    until("the dispatch hangs", || hub.stats().dispatches_running == 1).await;
    for _ in 0..10 {
        hub.broadcast(&news("x".repeat(20_000)));
    }

    let begin = Instant::now();
    let shutting = spawn({
        let hub = hub.clone();
        async move { hub.shutdown(DEADLINE).await }
    });
    let mut readers = Vec::new();
    for mut socket in healthy {
        readers.push(spawn(async move {
            for _ in 0..10 {
                assert_eq!(text(&mut socket).await.len(), 20_000);
            }
            assert_eq!(text(&mut socket).await, "the last one");
            let reason = socket.closed().await;
            assert_eq!(reason.code(), 1001);
        }));
    }
    until("it has begun", || hub.is_shutting_down()).await;
    // A broadcast while queues drain is taken and reaches every socket that reads.
    let all = HEALTHY + STALLED + 2;
    assert_eq!(
        publish(&server, &news("the last one")).await,
        (all as u64, all as u64, 0)
    );
    refused(&server).await;
    for reader in readers {
        reader.await.expect("a reader that saw all of it");
    }
    let end = shutting.await.unwrap();
    assert!(begin.elapsed() <= DEADLINE, "{:?}", begin.elapsed());
    assert_eq!(end.closed + end.cut, all);
    assert!(end.closed >= HEALTHY, "{end:?}");
    assert!(hub.is_empty());
    assert_eq!(
        (hub.stats().bytes_queued, hub.stats().dispatches_running),
        (0, 0)
    );

    // Its connections are still those of peers that never read; nothing else is left.
    drop((stalled, hung, torn));
    until("no task is left", || tasks() == 0).await;
    let mut users = Vec::new();
    while let Ok(user) = told.try_recv() {
        users.push(user);
    }
    assert_eq!(users.len(), all, "one disconnect event each");
    assert_eq!(
        users.iter().filter(|user| *user == "stalled").count(),
        STALLED
    );

    let again = Instant::now();
    let second = hub.shutdown(DEADLINE).await;
    assert_eq!((second.closed, second.cut), (0, 0));
    assert_eq!(again.elapsed(), Duration::ZERO);
    let answer = post(&server, BROADCAST, "{}").await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(hub.broadcast(&news("x")).matched, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_connects_at_that_moment_is_refused_or_told() {
    let layer = relay();
    let server = serve(&layer);
    let (opened, mut opens) = mpsc::channel(8);
    let mut lanes = Vec::new();
    for _ in 0..4 {
        let (server, opened) = (server.clone(), opened.clone());
        lanes.push(spawn(async move {
            let mut sockets = Vec::new();
            loop {
                match server.connect("/").await {
                    Ok(mut socket) => sockets.push(spawn(async move { socket.closed().await })),
                    Err(error) => {
                        let status = error.refusal().map(http::Response::status);
                        assert_eq!(status, Some(StatusCode::SERVICE_UNAVAILABLE), "{error}");
                        break;
                    }
                }
                opened.send(()).await.expect("a test that listens");
            }
            for socket in sockets {
                assert_eq!(socket.await.expect("no panic").code(), 1001);
            }
        }));
    }
    for _ in 0..100 {
        opens.recv().await.expect("lanes that run");
    }
    let counting = spawn(async move { while opens.recv().await.is_some() {} });
    drop(opened);
    let end = layer.hub().shutdown(Duration::from_secs(60)).await;
    assert_eq!(end.cut, 0);
    for lane in lanes {
        soon("the lane's end", lane).await.expect("no panic");
    }
    counting.await.expect("no panic");
    assert!(layer.hub().is_empty());
}

#[tokio::test(start_paused = true)]
async fn healthy_sockets_do_not_wait_for_the_deadline() {
    let layer = relay();
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    layer.hub().broadcast(&news("queued"));
    let begin = Instant::now();
    let reading = spawn(async move { (text(&mut ann).await, ann.closed().await) });
    let end = layer.hub().shutdown(Duration::from_secs(3_600)).await;
    assert_eq!((end.closed, end.cut), (1, 0));
    assert!(
        begin.elapsed() < Duration::from_secs(1),
        "{:?}",
        begin.elapsed()
    );
    let (queued, reason) = reading.await.unwrap();
    assert_eq!((&*queued, reason.code()), ("queued", 1001));
}

#[tokio::test(start_paused = true)]
async fn a_dispatch_may_end_and_its_reply_arrives() {
    let layer = WebConnectionSocketLayer::new(config()).on_web_socket(async |socket: Socket| {
        sleep(Duration::from_secs(2)).await;
        socket.reply(&news("done"))
    });
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    ann.send(&news("x")).await.unwrap();
    until("it is dispatched", || {
        layer.hub().stats().dispatches_running == 1
    })
    .await;
    let reading = spawn(async move { (text(&mut ann).await, ann.closed().await) });
    let end = layer.hub().shutdown(DEADLINE).await;
    assert_eq!((end.closed, end.cut), (1, 0));
    let (reply, reason) = reading.await.unwrap();
    assert_eq!((&*reply, reason.code()), ("done", 1001));
}

#[tokio::test(start_paused = true)]
async fn a_second_call_meanwhile_waits_as_well() {
    let layer = relay();
    let server = serve(&layer);
    let _stalled = Wire::open(&server, "/").await;
    let call = |hub: std::sync::Arc<Hub>| async move { hub.shutdown(DEADLINE).await };
    let begin = Instant::now();
    let first = spawn(call(layer.hub()));
    let second = spawn(call(layer.hub()));
    first.await.unwrap();
    second.await.unwrap();
    assert!(layer.hub().is_empty());
    // The peer does not answer our close; that is waited for, and no longer.
    assert!(begin.elapsed() <= DEADLINE, "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_shutdown_stays_begun() {
    let layer = relay();
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    let stalled = Wire::open(&server, "/").await;
    for _ in 0..10 {
        layer.hub().broadcast(&news("x".repeat(20_000)));
    }
    let brief = timeout(Duration::from_secs(1), layer.hub().shutdown(DEADLINE)).await;
    assert!(brief.is_err(), "{brief:?}");
    refused(&server).await;
    drop(stalled);
    let reading = spawn(async move { ann.closed().await });
    let end = layer.hub().shutdown(DEADLINE).await;
    assert_eq!(end.cut, 0);
    assert_eq!(reading.await.unwrap().code(), 1001);
}

#[tokio::test(start_paused = true)]
async fn a_disconnect_event_that_hangs_does_not_hold_the_shutdown_up() {
    let layer = relay().on_disconnect(async |_| std::future::pending::<()>().await);
    let server = serve(&layer);
    let ann = join(&server, "ann", &[]).await;
    ann.close(CloseReason::NORMAL).await.unwrap();
    assert!(layer.hub().is_empty());
    let begin = Instant::now();
    layer.hub().shutdown(DEADLINE).await;
    assert!(
        begin.elapsed() <= DEADLINE + Duration::from_secs(1),
        "{:?}",
        begin.elapsed()
    );
    until("no task is left", || tasks() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_connect_event_that_hangs_does_not_hold_the_shutdown_up() {
    let layer = relay().on_connect(async |_| std::future::pending().await);
    let server = serve(&layer);
    let connecting = spawn(async move { server.connect("/").await });
    let hub = layer.hub();
    until("the event hangs", || hub.stats().dispatches_running == 1).await;
    let begin = Instant::now();
    hub.shutdown(DEADLINE).await;
    assert!(begin.elapsed() < DEADLINE, "{:?}", begin.elapsed());
    let refused = connecting.await.unwrap().unwrap_err();
    assert_eq!(
        refused.refusal().expect("an answer").status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
    until("no task is left", || tasks() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_never_handed_over_does_not_hold_it_up() {
    let layer = relay();
    let service = layer.layer(Router::new());
    // Something outside swallows the 101.
    let server = Server::new(service_fn(move |request| {
        let answer = service.clone().oneshot(request);
        async move {
            let answer: Result<Response, _> = answer.await;
            assert!(answer.is_ok_and(|answer| answer.status() == 101));
            std::future::pending::<Result<Response, Infallible>>().await
        }
    }));
    let mut wire = Wire::over(server.open());
    wire.send(wire::handshake("/").as_bytes()).await;
    until("the socket is active", || layer.hub().len() == 1).await;
    let begin = Instant::now();
    let end = layer.hub().shutdown(Duration::from_secs(1)).await;
    assert_eq!((end.closed, end.cut), (0, 1));
    assert!(
        begin.elapsed() <= Duration::from_secs(1),
        "{:?}",
        begin.elapsed()
    );
    drop(wire);
}

#[tokio::test(start_paused = true)]
async fn times_without_end_are_waited_for_and_not_added_up() {
    let layer = WebConnectionSocketLayer::new(config().close_timeout(Duration::MAX));
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    let reading = spawn(async move { ann.closed().await });
    let end = soon("the end", layer.hub().shutdown(Duration::MAX)).await;
    assert_eq!((end.closed, end.cut), (1, 0));
    assert_eq!(reading.await.unwrap().code(), 1001);
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_is_cut_off_with_nothing_to_handle_is_no_warning() {
    let log = log::capture();
    let layer = relay();
    let server = serve(&layer);
    let _stalled = Wire::open(&server, "/").await;
    for _ in 0..10 {
        layer.hub().broadcast(&news("x".repeat(20_000)));
    }
    let end = layer.hub().shutdown(Duration::from_secs(1)).await;
    assert_eq!((end.closed, end.cut), (0, 1));
    assert_eq!(log.of(Level::WARN), [""; 0]);
}

async fn refused(server: &Server) {
    let refused = server
        .connect("/")
        .await
        .expect_err("a server that shuts down");
    let refusal = refused.refusal().expect("an answer");
    assert_eq!(refusal.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refusal.headers().contains_key(RETRY_AFTER));
    // The browser client asks this way why its socket did not open.
    let probe = http::Request::get("/__initializeSocket.wc")
        .body("")
        .expect("a request");
    let probe = soon("an answer", server.request(probe))
        .await
        .expect("an answer");
    assert_eq!(probe.status(), StatusCode::SERVICE_UNAVAILABLE);
}

/// How many tasks this test's own runtime has: those of sockets, connections and spawned helpers.
fn tasks() -> usize {
    tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks()
}
