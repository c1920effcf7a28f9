//! Hosts other than axum over TCP: Unix sockets, servers that upgrade by themselves, several runtimes.

use std::{
    convert::Infallible,
    env, fs,
    path::{Path, PathBuf},
    process,
    sync::mpsc,
    thread::{self, JoinHandle},
};

use axum::{Router, body::Body, response::Response, routing::post};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{io::duplex, runtime, sync::oneshot};
use tower::{Layer, ServiceExt};
use tracing::Level;
use web_connection_socket::{
    Socket, WebConnectionSocket, WebConnectionSocketLayer, testing::Server,
};

use crate::support::{
    PATIENCE, config,
    http::BROADCAST,
    log::capture,
    news, relay, spawn, text, until,
    wire::{Wire, handshake, masked_text},
};

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_carries_web_sockets() {
    use tokio::net::{UnixListener, UnixStream};

    let path = Scratch::new("hosts");
    let listener = UnixListener::bind(&path).unwrap();
    let layer = WebConnectionSocketLayer::new(config());
    let service = layer.layer(Router::new().route("/__WebSocket.wwd", post(echo)));
    let server = spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a client");
            let service = TowerToHyperService::new(service.clone());
            spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                let served = server.serve_connection_with_upgrades(TokioIo::new(stream), service);
                served.await.expect("a connection without an error");
            });
        }
    });

    let mut wire = Wire::over(UnixStream::connect(&path).await.unwrap());
    wire.send(handshake("/?userId=ann").as_bytes()).await;
    let head = wire.head().await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    wire.send(&masked_text(r#"{"message":"hello"}"#)).await;
    assert!(wire.text().await.contains("hello"));
    assert_eq!(
        layer.hub().broadcast(&news("to ann").to_user("ann")).queued,
        1
    );
    assert!(wire.text().await.contains("to ann"));
    server.abort();
}

#[tokio::test]
async fn a_caller_without_a_tcp_address_needs_the_control_service() {
    let layer = relay();
    let service = layer.layer(Router::new());
    let request = || {
        let request = Request::post(BROADCAST).header("host", "localhost");
        request.body(Body::from(r#"{"action":"news"}"#)).unwrap()
    };
    let refused = service.oneshot(request()).await.unwrap();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    let control = layer.control_service(Router::new());
    let report = control.oneshot(request()).await.unwrap();
    assert_eq!(report.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_host_that_upgrades_by_itself_hands_over_the_stream() {
    let layer = WebConnectionSocketLayer::new(config());
    let service = layer.layer(Router::new().route("/__WebSocket.wwd", post(echo)));
    let server = Server::new(tower::service_fn(move |request| {
        upgrade(service.clone(), request)
    }));
    let mut ann = server.connect("/?userId=ann").await.unwrap();
    ann.send(&news("hello")).await.unwrap();
    assert_eq!(text(&mut ann).await, "hello");
    until("ann is there", || layer.hub().len() == 1).await;
    drop(ann);
    until("ann is gone", || layer.hub().is_empty()).await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_host_without_an_upgrade_handle_hears_what_to_do() {
    let log = capture();
    let layer = relay();
    let request = Request::get("/")
        .header("host", "localhost")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .body(Body::empty());
    let answer = layer.layer(Router::new()).oneshot(request.unwrap()).await;
    let answer = answer.unwrap();
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let problem = answer.into_body().collect().await.unwrap().to_bytes();
    for told in [&*String::from_utf8_lossy(&problem), &log.text()] {
        assert!(told.contains("call with_upgrades"), "{told}");
    }
    assert!(layer.hub().is_empty());
}

#[tokio::test(flavor = "current_thread")]
async fn a_server_that_keeps_its_connections_hears_what_to_do() {
    let log = capture();
    let layer = relay();
    let (client, stream) = duplex(1_024);
    let service = TowerToHyperService::new(layer.layer(Router::new()));
    spawn(async move {
        let server = auto::Builder::new(TokioExecutor::new());
        let served = server.serve_connection(TokioIo::new(stream), service);
        served.await.expect("a connection without an error");
    });
    let mut wire = Wire::over(client);
    wire.send(handshake("/").as_bytes()).await;
    until("the log says so", || {
        let warnings = log.of(Level::WARN);
        warnings.iter().any(|line| line.contains("with_upgrades"))
    })
    .await;
    until("the socket is gone", || layer.hub().is_empty()).await;
}

#[test]
fn one_hub_serves_the_sockets_of_several_runtimes() {
    let layer = relay();
    let hub = layer.hub();
    let ann = Room::open(&layer, "ann");
    let bob = Room::open(&layer, "bob");
    assert_eq!(hub.len(), 2);

    // This thread has no runtime at all.
    assert_eq!(hub.broadcast(&news("to both")).queued, 2);
    assert_eq!(
        (ann.heard(), bob.heard()),
        ("to both".into(), "to both".into())
    );
    for n in 0..100 {
        hub.broadcast(&news(format!("{n}")));
    }
    for n in 0..100 {
        assert_eq!((ann.heard(), bob.heard()), (n.to_string(), n.to_string()));
    }

    // With its runtime ann's socket ends, without a word.
    ann.close();
    assert_eq!(hub.sockets_of("ann"), []);
    assert_eq!(hub.broadcast(&news("to the one left")).queued, 1);
    assert_eq!(bob.heard(), "to the one left");

    let cat = Room::open(&layer, "cat");
    assert_eq!(hub.broadcast(&news("and to the new one")).queued, 2);
    assert_eq!(bob.heard(), "and to the new one");
    assert_eq!(cat.heard(), "and to the new one");
    bob.close();
    cat.close();
    assert!(hub.is_empty());
}

/// A thread with a runtime of its own, a server and one client in it.
struct Room {
    heard: mpsc::Receiver<String>,
    close: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Room {
    /// Starts the thread and waits until its client's socket is open.
    fn open(layer: &WebConnectionSocketLayer, user: &'static str) -> Self {
        let (tell, heard) = mpsc::channel();
        let (close, mut closed) = oneshot::channel();
        let server = Server::new(layer.layer(Router::new()));
        let life = async move {
            let path = format!("/?userId={user}");
            let mut client = server.connect(&path).await.expect("an open socket");
            tell.send(String::new()).expect("a test that waits");
            loop {
                tokio::select! {
                    message = client.receive() => {
                        let message = message.expect("an open socket");
                        tell.send(message.message).expect("a test that listens");
                    }
                    _ = &mut closed => break,
                }
            }
        };
        let thread = thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(life);
        });
        let room = Self {
            heard,
            close,
            thread,
        };
        room.heard();
        room
    }

    fn heard(&self) -> String {
        let heard = self.heard.recv_timeout(PATIENCE);
        heard.expect("a message")
    }

    /// Ends the runtime and all that lives in it.
    fn close(self) {
        self.close.send(()).expect("a runtime that lives");
        self.thread.join().expect("no panic");
    }
}

/// Answers the 101 itself, as a host does that has routes for sockets of its own.
async fn upgrade(
    service: WebConnectionSocket<Router>,
    mut request: Request<Incoming>,
) -> Result<Response, Infallible> {
    let on_upgrade = hyper::upgrade::on(&mut request);
    let key = request.headers()["sec-websocket-key"].as_bytes();
    let accept = tokio_tungstenite::tungstenite::handshake::derive_accept_key(key);
    let (parts, _) = request.into_parts();
    spawn(async move {
        let stream = TokioIo::new(on_upgrade.await.expect("the stream"));
        let ended = service.accept::<Incoming, _, _>(parts, stream).await;
        assert_eq!(ended.expect("an accepted socket").code(), 1006);
    });
    let answer = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-accept", accept);
    Ok(answer.body(Body::empty()).expect("a response"))
}

async fn echo(socket: Socket) {
    let echo = socket.create_message().text(&socket.message().message);
    socket.reply(&echo).expect("an open socket");
}

/// A path of this test's own, whose file goes with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("web-connection-socket-{name}-{}", process::id());
        Self(env::temp_dir().join(name))
    }
}

impl AsRef<Path> for Scratch {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // The test may have failed before there was a file.
        _ = fs::remove_file(&self.0);
    }
}
