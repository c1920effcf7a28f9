//! Sockets that are streams of an HTTP/2 connection (RFC 8441), and HTTP/1.1 beside them.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router, ServiceExt,
    body::Body,
    extract::{Request, WebSocketUpgrade},
    response::Response,
    routing::any,
};
use bytes::Bytes;
use http::{Method, Version};
use http_body_util::Full;
use hyper::ext::Protocol;
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
    time::Instant,
};
use tokio_rustls::{TlsAcceptor, rustls::pki_types::ServerName, server::TlsStream};
use tower::{Layer, ServiceExt as _, util::MapRequestLayer};
use tracing::Level;
use web_connection_socket::{
    CloseReason, Config, Identity, Rejection, RejectionKind, Socket, WebConnectionSocketLayer,
    serve_until,
};

use crate::support::{
    app::Visits,
    config,
    http::{BROADCAST, publish},
    http2::{Connection, connect, handshake},
    join, log, news, relay, serve, serve_app, soon, spawn, text,
    tls::Authority,
    until,
    wire::{self, Wire, close_payload, masked, masked_text},
};

const KIB: usize = 1024;

#[tokio::test]
async fn a_message_reaches_the_application_as_over_http_1() {
    let (requests, mut received) = mpsc::channel(1);
    let layer = WebConnectionSocketLayer::new(config()).identify(async |handshake| {
        assert_eq!(
            handshake.uri(),
            "http://app.example:81/a/__initializeSocket.wc?x=1"
        );
        let cookie = handshake.header("cookie").expect("a cookie");
        Ok(Identity::user(cookie.to_str().expect("ASCII")))
    });
    let app = Router::new().fallback(async move |socket: Socket, request: Request| {
        let (parts, _) = request.into_parts();
        requests.send(parts).await.expect("a test that listens");
        socket
            .reply(&news(socket.user().id().as_str()))
            .expect("an open socket");
    });
    let server = serve_app(&layer, app).http2();
    let visit = http::Request::get("/a/__initializeSocket.wc?x=1")
        .header("host", "app.example:81")
        .header("origin", "https://app.example:81")
        .header("cookie", "ann")
        .header("te", "trailers")
        .body(());
    let mut ann = server.connect_with(visit.unwrap()).await.unwrap();
    ann.send(&news("hello")).await.unwrap();

    let parts = soon("a request", received.recv()).await.unwrap();
    assert_eq!(
        (parts.method, parts.version),
        (Method::POST, Version::HTTP_11)
    );
    assert_eq!(parts.uri, "/__WebSocket.wwd");
    assert_eq!(parts.headers.get_all("host").iter().count(), 1);
    assert_eq!(parts.headers["host"], "app.example:81");
    assert_eq!(parts.headers["websocket-identity"], "verified");
    for gone in ["origin", "te", "sec-websocket-version"] {
        assert!(!parts.headers.contains_key(gone), "{gone}");
    }
    assert!(parts.extensions.get::<Protocol>().is_none());
    assert!(
        parts
            .extensions
            .get::<hyper::upgrade::OnUpgrade>()
            .is_none()
    );
    assert_eq!(text(&mut ann).await, "ann");
    assert_eq!(ann.close(CloseReason::NORMAL).await.unwrap().code(), 1000);
    until("it is gone", || layer.hub().is_empty()).await;
}

#[tokio::test]
async fn the_answer_is_a_200_that_accepts_nothing_but_a_subprotocol() {
    let layer = WebConnectionSocketLayer::new(Config::new().subprotocols(["v2"]));
    let mut connection = Connection::over(serve(&layer).http2().open()).await;
    let request = handshake("/").header("sec-websocket-protocol", "v1, v2");
    let (answer, wire) = connection.tunnel(request).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["sec-websocket-protocol"], "v2");
    for absent in [
        "sec-websocket-accept",
        "upgrade",
        "connection",
        "content-length",
    ] {
        assert!(!answer.headers.contains_key(absent), "{absent}");
    }
    layer.hub().broadcast(&news("hello"));
    assert!(wire.expect("a socket").text().await.contains("hello"));
}

#[tokio::test]
async fn the_protocol_may_be_written_in_any_case_and_the_authority_with_an_empty_port() {
    let layer = WebConnectionSocketLayer::new(Config::new());
    let mut connection = Connection::over(serve(&layer).http2().open()).await;
    for protocol in ["websocket", "WebSocket", "WEBSOCKET"] {
        let request = connect("/", protocol).header("sec-websocket-version", "13");
        let (answer, wire) = connection.tunnel(request).await;
        assert_eq!((answer.status, wire.is_some()), (200, true), "{protocol}");
    }
    let at = |authority: &str, origin: &str| {
        handshake("/")
            .uri(format!("http://{authority}/"))
            .header("origin", origin)
    };
    for (authority, origin, status) in [
        ("app.example:", "https://app.example", 200),
        ("APP.example:", "https://app.example", 200),
        ("app.example:", "https://app.example:", 403),
        ("app.example:", "https://app.example:8443", 403),
    ] {
        let (answer, _wire) = connection.tunnel(at(authority, origin)).await;
        assert_eq!(answer.status, status, "{authority} {origin}");
    }
}

#[tokio::test]
async fn what_is_refused_over_http_1_is_refused() {
    let layer = WebConnectionSocketLayer::new(config()).identify(async |handshake| match handshake
        .query("who")
    {
        Some(_) => Err(Rejection::new(http::StatusCode::PAYMENT_REQUIRED)),
        None => Ok(Identity::user("ann")),
    });
    let server = serve(&layer).http2();
    let mut connection = Connection::over(server.open()).await;
    let bare = |path| connect(path, "websocket");
    for (request, status) in [
        (bare("/"), 426),
        (bare("/").header("sec-websocket-version", "8"), 426),
        (handshake("/").header("host", "other.example"), 400),
        (handshake("/").header("origin", "https://evil.test"), 403),
        (handshake("/").header("origin", "null"), 403),
        (handshake("/?who"), 402),
        (handshake(BROADCAST), 405),
        (handshake("/__WebSocket.wwd"), 405),
    ] {
        let what = format!("{request:?}");
        let (answer, wire) = connection.tunnel(request).await;
        assert_eq!((answer.status, wire.is_none()), (status, true), "{what}");
        if status == 426 {
            assert_eq!(answer.headers["sec-websocket-version"], "13");
            // RFC 9113 §8.2.2: these belong to HTTP/1.1.
            assert!(!answer.headers.contains_key("upgrade"));
            assert!(!answer.headers.contains_key("connection"));
        }
    }
    assert!(layer.hub().is_empty());

    // The same connection still opens sockets.
    let origin = handshake("/").header("origin", "https://localhost");
    let (answer, wire) = connection.tunnel(origin).await;
    assert_eq!((answer.status, wire.is_some()), (200, true));
    assert_eq!(layer.hub().len(), 1);
}

#[tokio::test]
async fn the_client_may_ask_why_and_programs_may_broadcast() {
    let layer = relay();
    let server = serve(&layer).http2();
    let mut connection = Connection::over(server.open()).await;
    let probe = || http::Request::get("http://localhost/__initializeSocket.wc");
    assert_eq!(connection.ask(probe()).await.status, 204);
    let foreign = connection
        .ask(probe().header("origin", "https://evil.test"))
        .await;
    assert_eq!(foreign.status, 403);
    assert!(
        foreign.body.contains("https://evil.test"),
        "{}",
        foreign.body
    );
    assert!(layer.hub().is_empty());

    let mut ann = join(&server, "ann", &["chat"]).await;
    let to_chat = news("for all").to_group("chat");
    assert_eq!(publish(&server, &to_chat).await, (1, 1, 0));
    assert_eq!(text(&mut ann).await, "for all");

    let shutdown = spawn({
        let hub = layer.hub();
        async move { hub.shutdown(Duration::from_secs(10)).await }
    });
    assert_eq!(ann.closed().await.code(), 1001);
    assert_eq!(shutdown.await.unwrap().closed, 1);
    assert_eq!(connection.ask(probe()).await.status, 503);
    let (late, _) = connection.tunnel(handshake("/")).await;
    assert_eq!(late.status, 503);
    assert!(late.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn a_connect_for_another_protocol_is_the_applications_and_untouched() {
    let layer = relay();
    let app = Router::new().fallback(async |mut request: Request| {
        assert_eq!(request.method(), Method::CONNECT);
        assert_eq!(request.version(), Version::HTTP_2);
        let protocol = request.extensions().get::<Protocol>();
        assert_eq!(protocol.expect("a protocol").as_str(), "connect-echo");
        assert_eq!(request.headers()["x-anything"], "kept");
        let upgrade = hyper::upgrade::on(&mut request);
        spawn(async move {
            let stream = TokioIo::new(upgrade.await.expect("a stream"));
            let (mut read, mut write) = tokio::io::split(stream);
            tokio::io::copy(&mut read, &mut write).await
        });
        Response::new(Body::empty())
    });
    let server = serve_app(&layer, app).http2();
    let mut connection = Connection::over(server.open()).await;
    for path in ["/", "/__initializeSocket.wc"] {
        let request = connect(path, "connect-echo").header("x-anything", "kept");
        let (_, echo) = connection.tunnel(request).await;
        let mut echo = echo.expect("a tunnel");
        echo.send(b"any bytes").await;
        assert_eq!(echo.bytes(9).await, b"any bytes");
    }
    assert!(layer.hub().is_empty());
    connection.open("/").await;
}

#[tokio::test]
async fn the_applications_own_websockets_live_beside_ours() {
    let layer = relay();
    let theirs = any(async |upgrade: WebSocketUpgrade| {
        upgrade
            .protocols(["theirs"])
            .on_upgrade(async |mut socket| {
                while let Some(Ok(message)) = socket.recv().await {
                    if socket.send(message).await.is_err() {
                        return;
                    }
                }
            })
    });
    let server = serve_app(&layer, Router::new().route("/ws", theirs)).http2();
    let mut connection = Connection::over(server.open()).await;
    let request = handshake("/ws").header("sec-websocket-protocol", "theirs");
    let (answer, wire) = connection.tunnel(request).await;
    assert_eq!(answer.headers["sec-websocket-protocol"], "theirs");
    let mut theirs = wire.expect("a socket of axum's");
    assert!(layer.hub().is_empty());

    let mut ours = connection.open("/ws").await;
    assert_eq!(layer.hub().broadcast(&news("ours")).queued, 1);
    theirs.send(&masked_text("theirs")).await;
    assert_eq!(theirs.text().await, "theirs");
    assert!(ours.text().await.contains("ours"));
}

#[tokio::test]
async fn many_sockets_of_one_connection_are_many_sockets() {
    const SOCKETS: usize = 50;

    let layer = WebConnectionSocketLayer::new(config().max_message_size(300 * KIB)).relay();
    let mut connection = Connection::over(serve(&layer).http2().open()).await;
    let mut sockets = Vec::new();
    for number in 0..SOCKETS {
        sockets.push(connection.open(&format!("/?userId={number}")).await);
    }
    assert_eq!(layer.hub().users().len(), SOCKETS);

    // One that never reads takes only its own window away, and nothing of the others'.
    let stalled = connection.open("/?userId=stalled").await;
    let long = news("x".repeat(200 * KIB)).except_user("0");
    let json = String::from_utf8(long.encode()).unwrap();
    sockets[0].send(&masked_text(&json)).await;
    for socket in &mut sockets[1..] {
        assert_eq!(socket.text().await.len(), json.len());
    }
    layer.hub().broadcast(&news("short").to_user("0"));
    assert!(sockets[0].text().await.contains("short"));

    // The end of one is not the end of the others.
    drop((stalled, sockets.pop()));
    until("two are gone", || layer.hub().len() == SOCKETS - 1).await;
    layer.hub().broadcast(&news("still here"));
    for socket in &mut sockets {
        assert!(socket.text().await.contains("still here"));
    }
    drop((connection, sockets));
    until("all are gone", || layer.hub().is_empty()).await;
}

#[tokio::test]
async fn endings_are_seen_as_over_http_1() {
    let layer = WebConnectionSocketLayer::new(config().max_message_size(KIB)).on_web_socket(
        async |socket: Socket| {
            socket.close(CloseReason::new(4001, "enough"));
        },
    );
    let mut connection = Connection::over(serve(&layer).http2().open()).await;
    for (frame, code) in [
        (masked(true, wire::TEXT, &vec![b'x'; 64 * KIB]), 1009),
        (masked(true, wire::BINARY, b"x"), 1003),
        (masked(true, wire::TEXT, b"\xFF"), 1007),
        (masked(true, wire::CONTINUATION, b"x"), 1002),
        (masked(true, wire::CLOSE, &close_payload(4005, "bye")), 4005),
        (masked_text("{}"), 4001),
    ] {
        let mut wire = connection.open("/").await;
        wire.send(&frame).await;
        let close = wire.frame().await.expect("a close frame");
        assert_eq!(close.close().0, code);
        if code == 4001 {
            let answer = masked(true, wire::CLOSE, &close_payload(code, ""));
            wire.send(&answer).await;
        }
        assert_eq!(wire.frame().await, None, "after {code}");
    }
    until("all are gone", || layer.hub().is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_answers_no_ping_or_reads_nothing_is_closed_in_time() {
    let (ends, mut ended) = mpsc::channel(8);
    let layer = relay().on_disconnect(move |socket: Socket| {
        let ends = ends.clone();
        async move {
            let end = (socket.user().to_string(), socket.message().message.clone());
            ends.send(end).await.expect("a test that listens");
        }
    });
    let server = serve(&layer).http2();
    let mut healthy = join(&server, "healthy", &[]).await;
    let (told, mut heard) = mpsc::channel(8);
    let reading = spawn(async move {
        while let Ok(text) = healthy.receive_text().await {
            told.send(text.len()).await.expect("a test that listens");
        }
    });

    let mut connection = Connection::over(server.open()).await;
    let silent = connection.open("/?userId=silent").await;
    let begin = Instant::now();
    let (user, _) = soon("an end", ended.recv()).await.unwrap();
    assert_eq!((&*user, begin.elapsed().as_secs()), ("silent", 35));

    let stalled = connection.open("/?userId=stalled").await;
    let begin = Instant::now();
    for _ in 0..16 {
        layer.hub().broadcast(&news("x".repeat(16 * KIB)));
        assert!(heard.recv().await.unwrap() > 16 * KIB);
    }
    let (user, end) = soon("an end", ended.recv()).await.unwrap();
    // The stream's own buffer has its five seconds, then the frame behind it.
    assert_eq!(user, "stalled");
    assert!((5..=10).contains(&begin.elapsed().as_secs()));
    assert!(end.contains("slow"), "{end}");
    assert_eq!(layer.hub().len(), 1);
    drop((silent, stalled));
    reading.abort();
}

#[tokio::test]
async fn a_server_that_hands_no_stream_over_is_told_so() {
    let log = log::capture();
    let layer = WebConnectionSocketLayer::new(Config::new());
    let request = handshake("/").version(Version::HTTP_2);
    let request = request.body(Full::<Bytes>::default()).unwrap();
    let service = layer.layer(Visits::default().app());
    let response = service.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 500);
    assert_eq!(
        layer.hub().stats().refusals[&RejectionKind::NoUpgradeHandle],
        1
    );
    let lines = log.of(Level::INFO);
    assert!(
        lines[0].contains("serve_connection_with_upgrades"),
        "{lines:?}"
    );
}

#[tokio::test]
async fn stopping_the_server_says_goodbye_to_both_kinds() {
    let layer = relay();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async move { stopped.await.expect("a test that stops its server") };
    let serving = spawn(serve_until(listener, layer.clone(), Router::new(), stopped));

    let mut connection = Connection::over(TcpStream::connect(address).await.unwrap()).await;
    let mut streams = Vec::new();
    let mut old = Vec::new();
    for _ in 0..5 {
        streams.push(connection.open("/").await);
        let mut wire = Wire::over(TcpStream::connect(address).await.unwrap());
        wire.send(wire::handshake("/").as_bytes()).await;
        assert!(wire.head().await.starts_with("HTTP/1.1 101 "));
        old.push(wire);
    }
    assert_eq!(layer.hub().broadcast(&news("the last one")).queued, 10);
    stop.send(()).expect("a server that runs");
    for wire in &mut streams {
        say_goodbye(wire).await;
    }
    for wire in &mut old {
        say_goodbye(wire).await;
    }
    let served = soon("the server to stop", serving).await;
    served.expect("no panic").expect("a server that served");
}

#[tokio::test]
async fn a_client_that_takes_nothing_does_not_keep_the_server_from_stopping() {
    let layer = relay();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async move { stopped.await.expect("a test that stops its server") };
    let serving = spawn(serve_until(listener, layer.clone(), Router::new(), stopped));
    let mut connection = Connection::over(TcpStream::connect(address).await.unwrap()).await;
    let _stalled = connection.open("/").await;
    for _ in 0..16 {
        layer.hub().broadcast(&news("x".repeat(16 * KIB)));
    }
    tokio::time::pause();
    stop.send(()).expect("a server that runs");
    let served = soon("the server to stop", serving).await;
    served.expect("no panic").expect("a server that served");
    assert!(layer.hub().is_empty());
}

#[tokio::test]
async fn alpn_lets_both_kinds_share_a_port() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let layer = relay();
    let authority = Authority::new("ours");
    let listener = TlsListener {
        tcp: TcpListener::bind("127.0.0.1:0").await.unwrap(),
        acceptor: authority.acceptor("localhost", &["h2", "http/1.1"]),
    };
    let address = listener.tcp.local_addr().unwrap();
    let looking = MapRequestLayer::new({
        let seen = seen.clone();
        move |request: Request| {
            let protocol = request.extensions().get::<Protocol>();
            let protocol = protocol.map(|protocol| protocol.as_str().to_owned());
            let what = (request.version(), request.method().clone(), protocol);
            seen.lock().expect("no panic").push(what);
            request
        }
    });
    let app = looking.layer(layer.layer(Router::new()));
    let app = ServiceExt::<Request>::into_make_service(app);
    let serving = spawn(async move { axum::serve(listener, app).await });

    let dial = async |protocol| {
        let tcp = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let tls = authority
            .connector(&[protocol])
            .connect(name, tcp)
            .await
            .unwrap();
        assert_eq!(tls.get_ref().1.alpn_protocol(), Some(protocol.as_bytes()));
        tls
    };
    let mut connection = Connection::over(dial("h2").await).await;
    let mut new = connection.open("/").await;
    let mut old = Wire::over(dial("http/1.1").await);
    old.send(wire::handshake("/").as_bytes()).await;
    assert!(old.head().await.starts_with("HTTP/1.1 101 "));

    new.send(&masked_text(r#"{"message":"from the new"}"#))
        .await;
    assert!(new.text().await.contains("from the new"));
    assert!(old.text().await.contains("from the new"));
    old.send(&masked_text(r#"{"message":"from the old"}"#))
        .await;
    assert!(new.text().await.contains("from the old"));
    assert_eq!(
        *seen.lock().unwrap(),
        [
            (
                Version::HTTP_2,
                Method::CONNECT,
                Some("websocket".to_owned())
            ),
            (Version::HTTP_11, Method::GET, None),
        ]
    );
    serving.abort();
}

/// Reads the last message and the close frame, answers it, and sees the end.
async fn say_goodbye<S>(wire: &mut Wire<S>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    assert!(wire.text().await.contains("the last one"));
    assert_eq!(wire.frame().await.expect("a close frame").close().0, 1001);
    wire.send(&masked(true, wire::CLOSE, &close_payload(1001, "")))
        .await;
    assert_eq!(wire.frame().await, None);
}

/// TLS over TCP, for axum's server.
struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        let (stream, address) = self.tcp.accept().await.expect("a connection");
        let accepted = self.acceptor.accept(stream).await;
        (accepted.expect("a client that trusts us"), address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}
