use std::{net::SocketAddr, sync::mpsc, thread};

use allocation_counter::measure;
use axum::{Router, ServiceExt, extract::Request};
use bytes::Bytes;
use http_body_util::Empty;
use hyper::{client::conn::http2, ext::Protocol, upgrade::Upgraded};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
    task::{JoinSet, yield_now},
};
use tower::Layer;

use web_connection_socket::{Config, Hub, WebConnectionSocketLayer};

use crate::support::{browser, target};

/// Behind axum and with what hyper and h2 keep of a stream. The client has a thread of its own, so
/// that its heap does not count.
#[test]
fn an_idle_stream_of_http2_holds_less_than_its_bound_of_heap() {
    let runtime = runtime();
    let layer = WebConnectionSocketLayer::new(Config::new());
    let hub = layer.hub();
    let mut serving = JoinSet::new();
    let address = serve(&runtime, &layer, &mut serving);
    let client = Client::start(address);
    client.open(8);
    wait(&runtime, &hub, 8);
    let counted = measure(|| {
        client.open(SOCKETS);
        wait(&runtime, &hub, 8 + SOCKETS);
    });
    let each = counted.bytes_current / SOCKETS as i64;
    assert!(each <= IDLE, "{each} bytes per stream, {IDLE} are allowed");
}

fn serve(
    runtime: &Runtime,
    layer: &WebConnectionSocketLayer,
    serving: &mut JoinSet<()>,
) -> SocketAddr {
    let app = layer.layer(Router::new());
    let listener = runtime
        .block_on(TcpListener::bind("127.0.0.1:0"))
        .expect("a free port");
    let address = listener.local_addr().expect("an address");
    serving.spawn_on(
        async move {
            let app = ServiceExt::<Request>::into_make_service(app);
            axum::serve(listener, app).await.expect("a server");
        },
        runtime.handle(),
    );
    address
}

fn wait(runtime: &Runtime, hub: &Hub, sockets: usize) {
    runtime.block_on(async {
        while hub.len() < sockets {
            yield_now().await;
        }
        for _ in 0..TURNS {
            yield_now().await;
        }
    });
}

fn runtime() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
}

/// A thread that opens sockets on one connection and keeps them.
struct Client {
    orders: mpsc::Sender<usize>,
}

impl Client {
    fn start(address: SocketAddr) -> Self {
        let (orders, ordered) = mpsc::channel();
        thread::spawn(move || runtime().block_on(keep(address, ordered)));
        Self { orders }
    }

    /// Begins to open so many sockets.
    fn open(&self, count: usize) {
        self.orders.send(count).expect("a client that runs");
    }
}

async fn keep(address: SocketAddr, ordered: mpsc::Receiver<usize>) {
    let stream = TcpStream::connect(address).await.expect("a connection");
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .expect("HTTP/2");
    while !connection.is_extended_connect_protocol_enabled() {
        yield_now().await;
    }
    let mut running = JoinSet::new();
    running.spawn(connection);
    let mut open: Vec<Upgraded> = Vec::new();
    while let Ok(count) = ordered.recv() {
        for _ in 0..count {
            let response = sender
                .send_request(handshake(open.len()))
                .await
                .expect("an answer");
            assert_eq!(response.status(), 200);
            open.push(hyper::upgrade::on(response).await.expect("a stream"));
        }
    }
}

/// What a browser sends, which names neither host nor key over HTTP/2.
fn handshake(index: usize) -> http::Request<Empty<Bytes>> {
    let target = target("lobby", &format!("user-{index}"));
    let mut request = http::Request::connect(format!("http://app.example{target}"))
        .extension(Protocol::from_static("websocket"));
    for (name, value) in browser(index) {
        if !["Host", "Connection", "Upgrade", "Sec-WebSocket-Key"].contains(&name) {
            request = request.header(name, value);
        }
    }
    request.body(Empty::new()).expect("a request")
}

/// No more than axum's server allows on one connection.
const SOCKETS: usize = 150;
/// Bytes per socket.
const IDLE: i64 = 3_100;
/// The reactor has its turn every 61 yields.
const TURNS: usize = 256;
