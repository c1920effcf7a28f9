use std::{
    future::pending,
    io::{self, ErrorKind, Read, Write},
    net,
    sync::Arc,
    time::Duration,
};

use axum::{Router, ServiceExt, extract::Request};
use socket2::{Domain, Socket, Type};
use tokio::{
    net::TcpStream,
    runtime::{Builder, Runtime},
    sync::mpsc,
    task::{JoinSet, yield_now},
    time::Instant,
};
use tower::Layer;

use web_connection_socket::{Config, Hub, SocketMessage, WebConnectionSocketLayer};

use crate::support::handshake;

/// A server whose clients see each write by itself.
///
/// The server takes the connections for TCP and writes to them so. But they keep packets apart: what
/// one system call wrote is what one read finds.
pub(crate) struct Server {
    hub: Arc<Hub>,
    runtime: Runtime,
    connections: mpsc::Sender<TcpStream>,
    clients: Vec<Client>,
    buffer: Vec<u8>,
    deadline: Instant,
    _serving: JoinSet<()>,
}

impl Server {
    /// Starts a server whose tasks run in [`turn`](Self::turn), on the thread of the test. So
    /// allocations can be counted, and chance has no say in who comes first.
    pub(crate) fn on_this_thread() -> Self {
        Self::start(&mut Builder::new_current_thread())
    }

    pub(crate) fn on_threads(workers: usize) -> Self {
        Self::start(Builder::new_multi_thread().worker_threads(workers))
    }

    fn start(builder: &mut Builder) -> Self {
        let runtime = builder.enable_all().build().expect("a runtime");
        let layer = WebConnectionSocketLayer::new(Config::new());
        let hub = layer.hub();
        let app = ServiceExt::<Request>::into_make_service(layer.layer(Router::new()));
        let (connections, accepted) = mpsc::channel(1);
        let mut serving = JoinSet::new();
        let server = async {
            axum::serve(Accepted(accepted), app)
                .await
                .expect("a server")
        };
        serving.spawn_on(server, runtime.handle());
        Self {
            hub,
            runtime,
            connections,
            clients: Vec::new(),
            buffer: vec![0; 64 * 1024],
            deadline: Instant::now() + PATIENCE,
            _serving: serving,
        }
    }

    /// Opens a socket with a browser's headers.
    pub(crate) fn open(&mut self, group: &str, user: &str) {
        let (client, accepted) = Socket::pair(Domain::UNIX, Type::SEQPACKET, None).expect("a pair");
        self.accept(accepted);
        let mut client = Client::new(client);
        client.ask(&handshake(self.clients.len(), group, user));
        while !client.read(&mut self.buffer) {
            self.turn();
        }
        assert!(self.buffer.starts_with(b"HTTP/1.1 101"));
        client.received = Received::default();
        self.clients.push(client);
        while self.hub.len() < self.clients.len() {
            self.turn();
        }
    }

    /// Broadcasts a message and returns how many sockets it is for.
    pub(crate) fn broadcast(&self, message: &SocketMessage) -> usize {
        let report = self.hub.broadcast(message);
        assert_eq!(report.dropped, 0);
        report.queued
    }

    /// Lets the server's tasks go on for a while.
    pub(crate) fn turn(&self) {
        assert!(
            Instant::now() < self.deadline,
            "what is awaited does not come"
        );
        self.runtime.block_on(yield_now());
    }

    /// Reads what has arrived at a client, and returns how much it has got so far.
    pub(crate) fn read(&mut self, client: usize) -> Received {
        let client = &mut self.clients[client];
        while client.read(&mut self.buffer) {}
        client.received
    }

    pub(crate) fn clients(&self) -> usize {
        self.clients.len()
    }

    /// What the clients have got so far.
    pub(crate) fn received(&self) -> Received {
        let mut all = Received::default();
        for Client { received, .. } in &self.clients {
            all.bytes += received.bytes;
            all.packets += received.packets;
        }
        all
    }

    fn accept(&self, socket: Socket) {
        socket.set_nonblocking(true).expect("a server's socket");
        self.runtime.block_on(async {
            let stream = TcpStream::from_std(net::TcpStream::from(socket)).expect("a stream");
            self.connections
                .send(stream)
                .await
                .expect("a server that runs");
        });
    }
}

/// What was received behind the handshake.
#[derive(Clone, Copy, Default)]
pub(crate) struct Received {
    pub(crate) bytes: usize,
    /// Each of one write.
    pub(crate) packets: usize,
}

/// Connections that the test makes.
struct Accepted(mpsc::Receiver<TcpStream>);

impl axum::serve::Listener for Accepted {
    type Io = TcpStream;
    type Addr = ();

    async fn accept(&mut self) -> (TcpStream, ()) {
        match self.0.recv().await {
            Some(stream) => (stream, ()),
            None => pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<()> {
        Ok(())
    }
}

struct Client {
    socket: Socket,
    received: Received,
}

impl Client {
    fn new(socket: Socket) -> Self {
        socket.set_nonblocking(true).expect("a client's socket");
        Self {
            socket,
            received: Received::default(),
        }
    }

    /// By the first bytes the server tells HTTP/2 from HTTP/1.1. They go by themselves, because what a
    /// read has no room for of a packet is lost.
    fn ask(&mut self, handshake: &str) {
        let (preface, rest) = handshake.as_bytes().split_at(PREFACE);
        for packet in [preface, rest] {
            self.socket.write_all(packet).expect("a request");
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> bool {
        match self.socket.read(buffer) {
            Ok(0) => panic!("the server cut a socket"),
            Ok(length) => {
                self.received.bytes += length;
                self.received.packets += 1;
                true
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            Err(error) => panic!("a client cannot read: {error}"),
        }
    }
}

/// Bytes of the preface of HTTP/2.
const PREFACE: usize = 24;
const PATIENCE: Duration = Duration::from_secs(60);
