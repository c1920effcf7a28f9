//! How long a connection may say nothing, and what may take its time.

use std::{convert::Infallible, future::pending, io, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::Request, response::Response, routing::get};
use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, split},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tower::Layer;
use web_connection_socket::{Hub, Server, WebConnectionSocketLayer};

use super::{Pipes, Site};
use crate::support::{
    config,
    http2::Connection,
    news, spawn,
    wire::{self, Wire, handshake, masked},
};

const SECOND: Duration = Duration::from_secs(1);
const HEAD: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(75);

/// An application with a page that comes at once, one that comes late, and one that comes in parts.
fn start() -> (Site, Arc<Hub>) {
    let config = config().ping_interval(Duration::MAX);
    let layer = WebConnectionSocketLayer::new(config).relay();
    let hub = layer.hub();
    let app = Router::new()
        .route("/", get(async || "at once"))
        .route(
            "/late",
            get(async || {
                sleep(5 * IDLE).await;
                "late"
            }),
        )
        .route("/parts", get(async || Body::from_stream(parts())))
        .route(
            "/large",
            get(async || Response::new(Body::from(vec![b'x'; LARGE]))),
        );
    (Site::start(&hub, |server| server, layer.layer(app)), hub)
}

/// More than a pipe takes that its client does not read.
const LARGE: usize = 256 * 1_024;

/// Five parts, each after more time than a connection may be idle.
fn parts() -> impl futures_util::Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(0, |count| async move {
        sleep(IDLE + SECOND).await;
        (count < 5).then(|| (Ok(Bytes::from_static(b"part ")), count + 1))
    })
}

/// How long it takes until the server ends a connection.
async fn life(mut stream: DuplexStream) -> Duration {
    let start = Instant::now();
    let mut rest = Vec::new();
    let ended = timeout(1_000 * IDLE, stream.read_to_end(&mut rest)).await;
    ended.expect("an end").expect("an end without an error");
    start.elapsed()
}

fn plain(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

/// Asks for a page over a connection that stays.
async fn ask(wire: &mut Wire, path: &str) -> String {
    wire.send(plain(path).as_bytes()).await;
    let head = wire.head().await;
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length = length.expect("a length").parse().expect("digits");
    String::from_utf8(wire.bytes(length).await).expect("UTF-8")
}

/// A client of HTTP/2, and the life of its connection.
async fn http2(
    stream: DuplexStream,
) -> (
    hyper::client::conn::http2::SendRequest<Full<Bytes>>,
    JoinHandle<Duration>,
) {
    let handshake =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (sender, connection) = handshake.await.expect("HTTP/2");
    let life = spawn(async move {
        let start = Instant::now();
        // A connection that is cut is an error to the client.
        let _cut = connection.await;
        start.elapsed()
    });
    (sender, life)
}

fn request(path: &str) -> http::Request<Full<Bytes>> {
    let request = http::Request::get(format!("http://localhost{path}"));
    request.body(Full::default()).expect("a request")
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_says_nothing_whole_is_cut_after_ten_seconds() {
    const PREFACE: &str = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const SETTINGS: &str = "\0\0\0\x04\0\0\0\0\0";
    let (site, _) = start();
    for said in [
        "",
        "G",
        "GET / HTTP/1.1\r\nHost: localhost\r\n",
        &PREFACE[..12],
        PREFACE,
        &format!("{PREFACE}{SETTINGS}"),
    ] {
        let mut stream = site.connect().await;
        stream.write_all(said.as_bytes()).await.expect("room");
        assert_eq!(life(stream).await, HEAD, "{said:?}");
    }
    site.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_byte_now_and_then_gains_no_time() {
    let (site, _) = start();
    let mut stream = site.connect().await;
    let start = Instant::now();
    for byte in plain("/").bytes().cycle() {
        if stream.write_all(&[byte]).await.is_err() {
            break;
        }
        // One that never ends: each line is followed by another.
        if byte == b'\n' && stream.write_all(b"x-more: ").await.is_err() {
            break;
        }
        sleep(SECOND).await;
    }
    // What fails is the byte after that.
    assert!((HEAD..=HEAD + SECOND).contains(&start.elapsed()));
    site.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_head_without_end_is_refused_before_it_is_large() {
    const ENOUGH: usize = 64 * 1_024;

    for http2 in [true, false] {
        let layer = WebConnectionSocketLayer::new(config());
        let hub = layer.hub();
        let site = Site::start(
            &hub,
            |server| server.http2(http2),
            layer.layer(Router::new()),
        );
        let stream = site.connect().await;
        let (mut answers, mut head) = split(stream);
        let start = Instant::now();
        let sending = spawn(async move {
            let begin = head.write_all(b"GET / HTTP/1.1\r\nx: ").await;
            begin.expect("room");
            let mut sent = 0;
            while sent < 4 * ENOUGH && head.write_all(&[b'x'; 1_024]).await.is_ok() {
                sent += 1_024;
            }
            (sent, head)
        });
        let mut answer = Vec::new();
        let read = answers.read_to_end(&mut answer).await;
        read.expect("an answer");
        let (sent, _head) = sending.await.expect("a client");
        assert!(answer.starts_with(b"HTTP/1.1 431 "), "{answer:?}");
        assert!(start.elapsed() < HEAD, "{:?}", start.elapsed());
        // What is on its way comes on top.
        assert!((ENOUGH / 2..2 * ENOUGH).contains(&sent), "{sent}");
        site.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_before_http_counts() {
    let layer = WebConnectionSocketLayer::new(config());
    let (accept, accepted) = tokio::sync::mpsc::channel(1);
    let server = Server::new(Pipes(accepted), &layer.hub()).with_graceful_shutdown(pending());
    // The first takes three seconds, the second for ever.
    let mut seconds = [3, u64::MAX].into_iter();
    let tls = move |stream: DuplexStream| {
        let seconds = seconds.next().expect("two connections");
        async move {
            sleep(Duration::from_secs(seconds)).await;
            Ok::<_, io::Error>(stream)
        }
    };
    let serving = spawn(server.serve_tls(tls, layer.layer(Router::new())));
    for _ in 0..2 {
        let (client, server) = tokio::io::duplex(64);
        accept.send(Ok(server)).await.expect("a server");
        assert_eq!(life(client).await, HEAD);
    }
    serving.abort();
}

#[tokio::test(start_paused = true)]
async fn between_requests_a_connection_is_kept_for_a_while() {
    let (site, _) = start();
    let mut wire = Wire::over(site.connect().await);
    sleep(HEAD - SECOND).await;
    for _ in 0..3 {
        assert_eq!(ask(&mut wire, "/").await, "at once");
        sleep(IDLE - SECOND).await;
    }
    assert_eq!(ask(&mut wire, "/").await, "at once");
    assert_eq!(life(wire.into_inner()).await, IDLE);

    // The next head is no idleness only once it is whole.
    let mut wire = Wire::over(site.connect().await);
    assert_eq!(ask(&mut wire, "/").await, "at once");
    sleep(IDLE / 3).await;
    wire.send(b"GET / HTTP/1.1\r\n").await;
    assert!(life(wire.into_inner()).await <= 2 * IDLE);
    site.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_http_2_connection_without_streams_is_kept_for_a_while() {
    let (site, _) = start();
    let (mut sender, life) = http2(site.connect().await).await;
    for _ in 0..3 {
        let answer = sender.send_request(request("/")).await.expect("an answer");
        let body = answer.into_body().collect().await.expect("a body");
        assert_eq!(body.to_bytes(), "at once");
        sleep(IDLE - SECOND).await;
    }
    let lived = life.await.expect("no panic");
    assert_eq!(lived, 2 * (IDLE - SECOND) + IDLE);
    site.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_late_or_in_parts_takes_its_time() {
    let (site, _) = start();
    let mut wire = Wire::over(site.connect().await);
    wire.send(plain("/late").as_bytes()).await;
    sleep(5 * IDLE).await;
    assert!(wire.head().await.starts_with("HTTP/1.1 200 "));
    assert_eq!(wire.bytes(4).await, b"late");
    wire.send(plain("/parts").as_bytes()).await;
    sleep(7 * IDLE).await;
    let head = wire.head().await;
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    let parts = b"5\r\npart \r\n".repeat(5);
    assert_eq!(wire.bytes(parts.len()).await, parts);
    assert_eq!(wire.bytes(5).await, b"0\r\n\r\n");
    assert_eq!(ask(&mut wire, "/").await, "at once");

    let (mut sender, life) = http2(site.connect().await).await;
    for (path, text) in [("/late", "late"), ("/parts", "part part part part part ")] {
        let answer = sender.send_request(request(path)).await.expect("an answer");
        let body = answer.into_body().collect().await.expect("a whole body");
        assert_eq!(body.to_bytes(), text);
    }
    assert!(!life.is_finished());
    site.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_open_socket_is_no_idleness_over_either_version() {
    let (site, hub) = start();
    let mut one = Wire::over(site.connect().await);
    one.send(handshake("/").as_bytes()).await;
    let head = one.head().await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let mut connection = Connection::over(site.connect().await).await;
    let mut two = connection.open("/").await;
    sleep(100 * IDLE).await;
    assert_eq!(hub.broadcast(&news("after hours")).queued, 2);
    assert!(one.text().await.contains("after hours"));
    assert!(two.text().await.contains("after hours"));

    // Once it has closed, its connection is idle.
    two.send(&masked(true, wire::CLOSE, &[])).await;
    assert_eq!(
        two.frame().await.map(|frame| frame.opcode),
        Some(wire::CLOSE)
    );
    assert_eq!(two.frame().await, None);
    sleep(IDLE - SECOND).await;
    assert_eq!(
        connection
            .ask(http::Request::get("http://localhost/"))
            .await
            .status,
        200
    );
    sleep(IDLE + SECOND).await;
    assert!(connection.is_closed());
    drop(one);
    site.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_taken_keeps_its_connection_for_a_bounded_time() {
    let (site, _) = start();
    let mut stream = site.connect().await;
    stream
        .write_all(plain("/large").as_bytes())
        .await
        .expect("room");
    sleep(3 * IDLE).await;
    let mut read = Vec::new();
    let cut = stream.read_to_end(&mut read).await;
    assert!(cut.is_ok() && read.len() < LARGE, "{cut:?} {}", read.len());

    // In a slow but steady hand it arrives whole.
    let mut stream = site.connect().await;
    let close = plain("/large").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    stream.write_all(close.as_bytes()).await.expect("room");
    let mut read = 0;
    let mut part = vec![0; 4 * 1_024];
    loop {
        sleep(SECOND).await;
        match stream.read(&mut part).await.expect("a connection") {
            0 => break,
            length => read += length,
        }
    }
    assert!(read > LARGE, "{read}");
    site.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_times_can_be_set() {
    let layer = WebConnectionSocketLayer::new(config());
    let app = layer.layer(Router::new().fallback(async |_: Request| "here"));
    let options = |server: Server<Pipes>| server.head_timeout(SECOND).idle_timeout(2 * SECOND);
    let site = Site::start(&layer.hub(), options, app);
    assert_eq!(life(site.connect().await).await, SECOND);
    let mut wire = Wire::over(site.connect().await);
    assert_eq!(ask(&mut wire, "/").await, "here");
    assert_eq!(life(wire.into_inner()).await, 2 * SECOND);
    site.stop().await;
}
