//! HTTP/2 clients that do not take what their sockets are sent.

use std::{sync::Arc, time::Duration};

use axum::{Router, routing::get};
use h2::Reason;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    runtime::Handle,
    sync::mpsc,
    time::{Instant, sleep},
};
use tower::Layer;
use tracing::Level;
use web_connection_socket::{CloseReason, Config, Hub, Socket, WebConnectionSocketLayer};

use super::Site;
use crate::support::{
    config, log, news, soon, spawn,
    stalled::Stalled,
    until,
    wire::{self, close_payload, masked, masked_text},
};

const KIB: usize = 1_024;

/// More than a pipe takes that its client does not read.
const LARGE: usize = 1_024 * KIB;

/// The defaults: to take a frame, and to answer a close frame.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest that a socket which takes nothing may last: what the stream takes at first has its time,
/// then the frame behind it.
const AT_MOST: Duration = Duration::from_secs(15);

fn start(config: Config) -> (Site, Arc<Hub>) {
    let layer = WebConnectionSocketLayer::new(config).relay();
    let hub = layer.hub();
    let app = Router::new()
        .route("/page", get(async || "a page"))
        .route("/large", get(async || "x".repeat(LARGE)));
    (Site::start(&hub, |server| server, layer.layer(app)), hub)
}

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

fn fill(hub: &Hub) {
    for _ in 0..16 {
        hub.broadcast(&news("x".repeat(48 * KIB)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_takes_nothing_is_reset_and_the_others_live() {
    for window in [0, 10, 65_535] {
        let (site, hub) = start(config().max_sockets(1));
        let mut peer = Stalled::over(site.connect().await, window).await;
        assert_eq!(peer.get("/page").await, 200);
        let before = tasks();
        let mut stalled = peer.open().await;
        fill(&hub);
        let begin = Instant::now();
        assert_eq!(peer.ask().await.0, 503, "its place is taken");
        sleep(WRITE_TIMEOUT / 2).await;
        assert_eq!(peer.ask().await.0, 503, "it is not closed yet");
        assert_eq!(stalled.reset().await, Reason::CANCEL, "window {window}");
        assert!(begin.elapsed() <= AT_MOST, "{:?}", begin.elapsed());

        assert_eq!(peer.get("/page").await, 200);
        until("nothing is kept", || hub.stats().bytes_queued == 0).await;
        until("its tasks are gone", || tasks() == before).await;
        peer.open().await;
        site.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_server_keeps_of_a_stalled_stream_counts_as_queued() {
    let (site, hub) = start(config());
    let mut peer = Stalled::over(site.connect().await, 0).await;
    let mut stalled = peer.open().await;
    let message = news("x".repeat(16 * KIB));
    hub.broadcast(&message);
    hub.broadcast(&message);
    // A frame counts until the last of it is written, and what hyper keeps beside.
    let written = message.encode().len() * 2;
    sleep(WRITE_TIMEOUT / 2).await;
    let queued = hub.stats().bytes_queued;
    assert!(
        (written..written * 2).contains(&queued),
        "{queued} of {written}"
    );
    assert_eq!(stalled.reset().await, Reason::CANCEL);
    until("nothing is kept", || hub.stats().bytes_queued == 0).await;
    site.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_close_that_is_not_taken_ends_in_a_reset_as_well() {
    let long = CloseReason::new(4_001, "x".repeat(100));
    for window in [0, 10] {
        for ending in ["closed", "closing", "closing first", "gone", "gone slowly"] {
            let (site, hub) = start(config().max_sockets(1));
            let mut peer = Stalled::over(site.connect().await, window).await;
            assert_eq!(peer.get("/page").await, 200);
            let before = tasks();
            let mut stalled = peer.open().await;
            let begin = Instant::now();
            let close = close_payload(4_001, &"x".repeat(100));
            let last_word = masked_text(&format!(r#"{{"message":"{:x<5000}"}}"#, ""));
            match ending {
                "closed" => assert_eq!(hub.close(hub.sockets()[0], &long), 1),
                "closing" => {
                    hub.broadcast(&news("x".repeat(60)));
                    stalled.send(masked(true, wire::CLOSE, &close), false);
                }
                "closing first" => stalled.send(masked(true, wire::CLOSE, &close), false),
                // Its last word comes back to it.
                "gone" => stalled.send(last_word, true),
                _ => {
                    fill(&hub);
                    stalled.send(last_word, true);
                }
            }
            let reset = stalled.reset().await;
            assert_eq!(reset, Reason::CANCEL, "window {window}, {ending}");
            assert!(begin.elapsed() <= AT_MOST, "{:?}", begin.elapsed());
            assert_eq!(peer.get("/page").await, 200);
            until("its tasks are gone", || tasks() == before).await;
            assert_eq!(hub.stats().bytes_queued, 0);
            site.stop().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_whose_client_reads_nothing_is_closed() {
    for window in [65_535, 16 * 1_024 * 1_024] {
        let (site, hub) = start(config().ping_interval(Duration::MAX));
        let idle = tasks();
        let mut peer = Stalled::over(site.connect().await, window).await;
        let ours = tasks() - idle;
        let mut sockets = Vec::new();
        for _ in 0..5 {
            sockets.push(peer.open().await);
        }
        peer.freeze();
        fill(&hub);
        let begin = Instant::now();
        until("its sockets are closed", || hub.is_empty()).await;
        until("the connection is gone", || tasks() < idle + ours).await;
        assert!(begin.elapsed() <= Duration::from_secs(60));
        assert_eq!(hub.stats().bytes_queued, 0);
        site.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_not_taken_costs_its_connection() {
    let (site, _hub) = start(config());
    let before = tasks();
    let mut client = site.connect().await;
    let request = b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n";
    client.write_all(request).await.expect("a server");
    let begin = Instant::now();
    until("it is served", || tasks() > before).await;
    until("it is cut", || tasks() == before).await;
    assert_eq!(begin.elapsed().as_secs(), 30);

    // A slow client gets all of it.
    let mut client = site.connect().await;
    client.write_all(request).await.expect("a server");
    let mut body = 0;
    while body < LARGE {
        sleep(Duration::from_secs(5)).await;
        let mut buffer = vec![0; 64 * KIB];
        let part = soon("a part", client.read(&mut buffer))
            .await
            .expect("a part");
        assert!(part > 0, "it was cut after {body} bytes");
        body += part;
    }
    site.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_answers_no_ping_of_http_2_is_gone() {
    let (site, _hub) = start(config());
    let mut client = site.connect().await;
    // The preface and empty SETTINGS (RFC 9113 §3.4).
    client
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await
        .expect("a server");
    // A request that is not ended keeps the connection busy.
    let headers = b"\0\0\x0d\x01\x04\0\0\0\x01\x83\x86\x84\x41\x09localhost";
    let mut headers = headers.to_vec();
    headers[2] = u8::try_from(headers.len() - 9).expect("a short head");
    client.write_all(&headers).await.expect("a server");
    let begin = Instant::now();
    let mut rest = Vec::new();
    soon("the end", client.read_to_end(&mut rest))
        .await
        .expect("an end");
    assert_eq!(begin.elapsed().as_secs(), 35);
    site.stop().await;
}

#[tokio::test(start_paused = true)]
async fn under_another_executor_a_stalled_stream_keeps_its_place_and_is_told_once() {
    let log = log::capture();
    let (ends, mut ended) = mpsc::channel(4);
    let layer = WebConnectionSocketLayer::new(config().max_sockets(1))
        .relay()
        .on_disconnect(move |socket: Socket| {
            let ends = ends.clone();
            async move {
                let end = socket.message().message.clone();
                ends.send(end).await.expect("a test that listens");
            }
        });
    let hub = layer.hub();
    let mut peer = Stalled::over(foreign(&layer), 0).await;
    let mut stalled = Vec::new();
    loop {
        let (status, stream) = peer.ask().await;
        if status != 200 {
            assert_eq!(status, 503);
            break;
        }
        stalled.push(stream);
        assert!(stalled.len() <= 2, "what has ended keeps its place");
        fill(&hub);
        let end = soon("an end", ended.recv()).await.expect("an end");
        assert!(end.contains("slow"), "{end}");
        assert!(hub.is_empty());
        sleep(CLOSE_TIMEOUT * 2).await;
    }
    assert!(hub.stats().bytes_queued > 8 * KIB, "what is kept counts");
    let told = log.of(Level::WARN);
    let told: Vec<_> = told
        .iter()
        .filter(|line| line.contains("StreamExecutor"))
        .collect();
    assert_eq!(told.len(), 1, "{told:?}");

    for stream in &mut stalled {
        stream.cancel();
    }
    until("nothing is kept", || hub.stats().bytes_queued == 0).await;
    peer.open().await;
}

#[tokio::test(start_paused = true)]
async fn under_another_executor_a_shutdown_does_not_wait_for_a_stalled_stream() {
    let layer = WebConnectionSocketLayer::new(config()).relay();
    let hub = layer.hub();
    let mut peer = Stalled::over(foreign(&layer), 0).await;
    let _stalled = peer.open().await;
    fill(&hub);
    until("it is closed", || hub.is_empty()).await;
    sleep(CLOSE_TIMEOUT * 2).await;
    let begin = Instant::now();
    hub.shutdown(Duration::from_secs(10)).await;
    assert!(begin.elapsed() <= Duration::from_secs(10));
}

/// A connection to a server that spawns its tasks as it likes.
fn foreign(layer: &WebConnectionSocketLayer) -> DuplexStream {
    let (client, server) = duplex(64 * KIB);
    let service = TowerToHyperService::new(layer.layer(Router::new()));
    spawn(async move {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http2().enable_connect_protocol();
        let served = builder
            .serve_connection_with_upgrades(TokioIo::new(server), service)
            .await;
        // The client leaves without a goodbye.
        drop(served);
    });
    client
}
