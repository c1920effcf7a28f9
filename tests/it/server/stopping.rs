//! How a server ends.

use std::{future::pending, sync::Arc, time::Duration};

use axum::{Router, routing::get};
use tokio::{
    io::AsyncWriteExt,
    sync::Semaphore,
    time::{Instant, sleep},
};
use tower::Layer;
use tracing::Level;
use web_connection_socket::{Config, Server, WebConnectionSocketLayer};

use super::{Pipes, Site};
use crate::support::{
    http2::Connection,
    log, relay, soon, spawn, until,
    wire::{self, Wire, handshake, masked},
};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn what_is_in_hand_is_done_and_what_says_nothing_is_dropped() {
    let layer = relay();
    let hub = layer.hub();
    let gate = Arc::new(Semaphore::new(0));
    let waits = gate.clone();
    let app = Router::new().route(
        "/",
        get(async move || {
            waits.acquire().await.expect("an open gate").forget();
            "done"
        }),
    );
    let site = Site::start(&hub, |server| server, layer.layer(app));
    let mut idle = Wire::over(site.connect().await);
    gate.add_permits(1);
    idle.send(GET).await;
    assert!(idle.head().await.starts_with("HTTP/1.1 200 "));
    assert_eq!(idle.bytes(4).await, b"done");
    let mut silent = Wire::over(site.connect().await);
    let mut half = Wire::over(site.connect().await);
    half.send(&GET[..10]).await;
    let mut busy = Wire::over(site.connect().await);
    busy.send(GET).await;
    let mut socket = Wire::over(site.connect().await);
    socket.send(handshake("/").as_bytes()).await;
    assert!(socket.head().await.starts_with("HTTP/1.1 101 "));
    let mut connection = Connection::over(site.connect().await).await;
    let mut stream = connection.open("/").await;

    let stopping = spawn(site.stop());
    for socket in [socket.frame().await, stream.frame().await] {
        assert_eq!(socket.expect("a close frame").close().0, 1001);
    }
    let goodbye = masked(true, wire::CLOSE, &[]);
    socket.send(&goodbye).await;
    stream.send(&goodbye).await;
    for wire in [&mut idle, &mut silent, &mut half] {
        assert_eq!(wire.drain().await, 0);
    }
    assert!(!stopping.is_finished());
    gate.add_permits(1);
    let head = busy.head().await;
    assert!(
        head.starts_with("HTTP/1.1 200 ") && head.contains("connection: close"),
        "{head}"
    );
    assert_eq!(busy.bytes(4).await, b"done");
    soon("the end", stopping).await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn what_does_not_end_is_cut_after_the_time_to_drain_and_told() {
    let log = log::capture();
    let layer = relay();
    let app = Router::new().route("/", get(async || pending::<()>().await));
    let drain = Duration::from_secs(3);
    let options = |server: Server<Pipes>| server.drain_timeout(drain);
    let site = Site::start(&layer.hub(), options, layer.layer(app));
    let mut stuck = Wire::over(site.connect().await);
    stuck.send(GET).await;
    sleep(Duration::from_secs(1)).await;
    let start = Instant::now();
    site.stop().await;
    assert_eq!(start.elapsed(), drain);
    assert_eq!(stuck.drain().await, 0);
    assert!(
        log.of(Level::WARN).iter().any(|line| line.contains("cut")),
        "{}",
        log.text()
    );
}

#[tokio::test(start_paused = true)]
async fn the_sockets_of_each_hub_are_closed_at_the_same_time() {
    let layer = |path| WebConnectionSocketLayer::new(Config::new().base_path(path)).relay();
    let (shop, office) = (layer("/shop"), layer("/office"));
    let other = office.hub();
    let options = |server: Server<Pipes>| server.with_hub(&other);
    let app = shop.layer(office.layer(Router::new()));
    let site = Site::start(&shop.hub(), options, app);
    let mut sockets = Vec::new();
    for path in ["/shop/", "/office/"] {
        let mut socket = Wire::over(site.connect().await);
        socket.send(handshake(path).as_bytes()).await;
        assert!(socket.head().await.starts_with("HTTP/1.1 101 "));
        sockets.push(socket);
    }
    let stopping = spawn(site.stop());
    for socket in &mut sockets {
        assert_eq!(socket.frame().await.expect("a close frame").close().0, 1001);
        assert!(shop.hub().is_shutting_down() && other.is_shutting_down());
        socket.send(&masked(true, wire::CLOSE, &[])).await;
    }
    soon("the end", stopping).await.expect("no panic");
}

#[tokio::test]
async fn dropping_it_cuts_its_connections() {
    let layer = relay();
    let hub = layer.hub();
    let site = Site::start(&hub, |server| server, layer.layer(Router::new()));
    let mut connection = Connection::over(site.connect().await).await;
    let mut stream = connection.open("/").await;
    let mut silent = site.connect().await;
    silent.write_all(b"G").await.expect("room");
    site.serving.abort();
    assert_eq!(Wire::over(silent).drain().await, 0);
    assert_eq!(stream.drain().await, 0);
    until("its socket is gone", || hub.is_empty()).await;
}
