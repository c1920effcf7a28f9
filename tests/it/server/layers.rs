//! An application with layers outside of ours, over TCP.

use std::net::SocketAddr;

use axum::{
    Router,
    body::Bytes,
    extract::ConnectInfo,
    routing::{get, post},
};
use hyper::body::Incoming;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
};
use tower::{Layer, ServiceBuilder, service_fn};
use tower_http::{
    compression::CompressionLayer, cors::CorsLayer, limit::RequestBodyLimitLayer, trace::TraceLayer,
};
use web_connection_socket::{PeerAddr, RequestBody, Server, WebConnectionSocketLayer};

use crate::support::{
    config,
    http2::{Connection, handshake},
    news,
    raw::Raw,
    relay, soon, spawn,
    tcp::{listen, open},
    wire::{self, Wire, masked, masked_text},
};

/// Serves with CORS, traces, body limits and compression outside.
#[tokio::test]
async fn sockets_open_and_close_inside_of_layers_that_change_the_body() {
    let layer = relay();
    let hub = layer.hub();
    let app = Router::new()
        .route("/page", get(async || "long ".repeat(1_000)))
        .route("/upload", post(async |body: Bytes| body.len().to_string()))
        .route(
            "/peer",
            get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.to_string()),
        );
    let app = ServiceBuilder::new()
        .layer(TraceLayer::new_for_http())
        .layer(CorsLayer::permissive())
        .layer(CompressionLayer::new())
        .layer(RequestBodyLimitLayer::new(1_000))
        .layer(layer)
        .service(app);
    let (listener, address) = listen().await;
    let (stop, stopped) = oneshot::channel::<()>();
    let server = Server::new(listener, &hub).with_graceful_shutdown(async move {
        stopped.await.expect("a test that stops its server");
    });
    let serving = spawn(server.serve(app));

    let ask = async |request: Raw| {
        let stream = TcpStream::connect(address).await.expect("a server");
        let peer = stream.local_addr().expect("an address");
        (request.ask_over(stream).await, peer)
    };
    let page = Raw::new("GET /page HTTP/1.1").with("Connection", "close");
    let (plain, _) = ask(page.clone().with("Origin", "https://other.example")).await;
    assert_eq!(plain.header("access-control-allow-origin"), Some("*"));
    assert_eq!(plain.body.len(), 5_000);
    let mut packed = Connection::over(TcpStream::connect(address).await.expect("a server")).await;
    let request = http::Request::get("http://localhost/page").header("accept-encoding", "gzip");
    assert_eq!(
        packed.head(request).await.headers["content-encoding"],
        "gzip"
    );
    let (limited, _) = ask(Raw::post("/upload", &"x".repeat(2_000))).await;
    assert_eq!(limited.status, 413);
    let (named, peer) = ask(Raw::new("GET /peer HTTP/1.1")).await;
    assert_eq!(named.body, peer.to_string());

    let mut one = open(address, "/").await;
    let stream = TcpStream::connect(address).await.expect("a server");
    let mut connection = Connection::over(stream).await;
    let (answer, two) = connection.tunnel(handshake("/")).await;
    assert_eq!(answer.status, 200);
    let mut two = two.expect("a socket");
    one.send(&masked_text(r#"{"action":"news","message":"hello"}"#))
        .await;
    assert!(one.text().await.contains("hello"));
    assert!(two.text().await.contains("hello"));
    hub.broadcast(&news("from Rust"));
    assert!(one.text().await.contains("from Rust"));
    assert!(two.text().await.contains("from Rust"));

    stop.send(()).expect("a server that runs");
    let goodbye = masked(true, wire::CLOSE, &[]);
    assert_eq!(one.frame().await.expect("a close frame").close().0, 1001);
    assert_eq!(two.frame().await.expect("a close frame").close().0, 1001);
    one.send(&goodbye).await;
    two.send(&goodbye).await;
    drop((one, two));
    let served = soon("the end of the server", serving).await;
    served.expect("no panic").expect("a server that served");
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn without_http_2_sockets_open_over_http_1() {
    let layer = relay();
    let (listener, address) = listen().await;
    let server = Server::new(listener, &layer.hub()).http2(false);
    let serving = spawn(server.serve(layer.layer(Router::new())));
    let mut wire = open(address, "/").await;
    layer.hub().broadcast(&news("hello"));
    assert!(wire.text().await.contains("hello"));
    let mut wire = Wire::over(TcpStream::connect(address).await.expect("a server"));
    wire.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert_eq!(wire.drain().await, 0, "no SETTINGS");
    serving.abort();
}

#[tokio::test]
async fn an_application_without_axum_and_its_peers() {
    let layer = WebConnectionSocketLayer::new(config()).relay();
    let hub = layer.hub();
    let app = service_fn(async |request: http::Request<RequestBody<Incoming>>| {
        let peer = request.extensions().get::<PeerAddr>().expect("a peer");
        let peer = peer.0.to_string();
        Ok::<_, std::convert::Infallible>(http::Response::new(http_body_util::Full::<Bytes>::from(
            peer,
        )))
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let serving = spawn(Server::new(listener, &hub).serve(layer.layer(app)));
    let stream = TcpStream::connect(address).await.expect("a server");
    let peer = stream.local_addr().expect("an address");
    let answer = Raw::new("GET / HTTP/1.1").ask_over(stream).await;
    assert_eq!(answer.body, peer.to_string());
    serving.abort();
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_is_a_listener_whose_peers_have_no_address() {
    use tokio::net::{UnixListener, UnixStream};

    let name = format!("web-connection-socket-server-{}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let listener = UnixListener::bind(&path).expect("a socket file");
    let layer = relay();
    let serving = spawn(Server::new(listener, &layer.hub()).serve(layer.layer(Router::new())));
    let stream = UnixStream::connect(&path).await.expect("a server");
    let refused = Raw::post("/__broadcastWebSocket.wc", "{}")
        .ask_over(stream)
        .await;
    std::fs::remove_file(&path).expect("a socket file");
    assert_eq!(refused.code(), "caller_not_allowed");
    serving.abort();
}
