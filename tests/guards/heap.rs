use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
};

use allocation_counter::measure;
use axum::{Router, ServiceExt, extract::Request};
use tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
    task::{JoinSet, yield_now},
};
use tower::Layer;

use web_connection_socket::{Config, Hub, SocketMessage, WebConnectionSocketLayer};

use crate::support::handshake;

/// Over TCP and behind axum, so that what hyper keeps of a connection counts, too.
#[test]
fn an_idle_socket_holds_less_than_its_bound_of_heap() {
    let mut server = Server::start();
    server.open(8);
    let counted = measure(|| server.open(SOCKETS));
    assert_bound("when idle", counted.bytes_current, IDLE);
}

#[test]
fn a_burst_leaves_at_most_an_empty_queue_behind() {
    let mut server = Server::start();
    let burst = vec![SocketMessage::new("burst").text("x".repeat(1_000)); 50];
    server.open(8);
    server.broadcast(&burst);
    let counted = measure(|| {
        server.open(SOCKETS);
        server.broadcast(&burst);
    });
    assert_bound("after a burst", counted.bytes_current, AFTER_BURST);
}

fn assert_bound(when: &str, bytes: i64, bound: i64) {
    let each = bytes / SOCKETS as i64;
    assert!(
        each <= bound,
        "{each} bytes per socket {when}, {bound} are allowed"
    );
}

/// A server and its clients, all on the thread of the test; a client owns no heap.
struct Server {
    runtime: Runtime,
    hub: Arc<Hub>,
    address: SocketAddr,
    clients: Vec<TcpStream>,
    _serving: JoinSet<()>,
}

impl Server {
    fn start() -> Self {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let layer = WebConnectionSocketLayer::new(Config::new());
        let hub = layer.hub();
        let app = layer.layer(Router::new());
        let listener = runtime
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .expect("a free port");
        let address = listener.local_addr().expect("an address");
        let mut serving = JoinSet::new();
        serving.spawn_on(
            async move {
                let app = ServiceExt::<Request>::into_make_service(app);
                axum::serve(listener, app).await.expect("a server");
            },
            runtime.handle(),
        );
        Self {
            runtime,
            hub,
            address,
            clients: Vec::with_capacity(8 + SOCKETS),
            _serving: serving,
        }
    }

    fn open(&mut self, count: usize) {
        for _ in 0..count {
            let index = self.clients.len();
            let request = handshake(index, "lobby", &format!("user-{index}"));
            let mut client = TcpStream::connect(self.address).expect("a connection");
            client.write_all(request.as_bytes()).expect("a request");
            self.clients.push(client);
            let opened = self.clients.len();
            self.runtime.block_on(async {
                while self.hub.len() < opened {
                    yield_now().await;
                }
                rest().await;
            });
            let mut response = [0; 1024];
            let client = &mut self.clients[opened - 1];
            let length = client.read(&mut response).expect("an answer");
            assert!(response[..length].starts_with(b"HTTP/1.1 101"));
        }
    }

    fn broadcast(&mut self, messages: &[SocketMessage]) {
        let mut bytes = 0;
        for message in messages {
            let report = self.hub.broadcast(message);
            assert_eq!(report.queued, self.clients.len());
            // A frame of a medium length has four bytes before its payload.
            bytes += 4 + message.encode().len();
        }
        self.runtime.block_on(rest());
        let mut received = [0; 16 * 1024];
        for client in &mut self.clients {
            let mut left = bytes;
            while left > 0 {
                let length = left.min(received.len());
                left -= client.read(&mut received[..length]).expect("messages");
            }
        }
    }
}

/// Lets every task go on until all of them wait.
async fn rest() {
    for _ in 0..TURNS {
        yield_now().await;
    }
}

const SOCKETS: usize = 300;
/// Bytes per socket.
const IDLE: i64 = 2_000;
const AFTER_BURST: i64 = 2_000;
/// The reactor has its turn every 61 yields.
const TURNS: usize = 256;
