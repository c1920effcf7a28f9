//! A real server and sockets over TCP.

use std::net::SocketAddr;

use axum::Router;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};
use web_connection_socket::{WebConnectionSocketLayer, serve_until};

use super::{soon, spawn, wire::Wire};

/// A server on a port of the kernel's choice.
pub(crate) struct Running {
    stop: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Running {
    /// Serves until it is stopped.
    pub(crate) fn start(
        listener: TcpListener,
        layer: WebConnectionSocketLayer,
        app: Router,
    ) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async move { stopped.await.expect("a test that stops its server") };
        let serving = spawn(serve_until(listener, layer, app, stopped));
        Self { stop, serving }
    }

    /// Asks it to stop and waits until it has.
    pub(crate) async fn stop(self) {
        self.stop.send(()).expect("a server that runs");
        let served = soon("the server to stop", self.serving).await;
        served.expect("no panic").expect("a server that served");
    }
}

/// A listener on a free port of this machine.
pub(crate) async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("a bound port");
    (listener, address)
}

/// Opens a socket at a path.
pub(crate) async fn open(address: SocketAddr, path: &str) -> Wire<TcpStream> {
    let stream = TcpStream::connect(address).await;
    open_over(stream.expect("a server that listens"), path).await
}

/// Opens a socket whose kernel takes little before it is read.
pub(crate) async fn open_narrow(address: SocketAddr, path: &str) -> Wire<TcpStream> {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("a buffer size");
    let stream = socket.connect(address).await;
    open_over(stream.expect("a server that listens"), path).await
}

/// Opens a socket at a path and sends these bytes in the handshake's own segment.
pub(crate) async fn open_with(address: SocketAddr, path: &str, first: &[u8]) -> Wire<TcpStream> {
    let stream = TcpStream::connect(address).await;
    let stream = stream.expect("a server that listens");
    stream.set_nodelay(true).expect("a TCP socket");
    Wire::open_over(stream, path, first).await
}

/// Opens a socket at a path over a connection.
pub(crate) async fn open_over(stream: TcpStream, path: &str) -> Wire<TcpStream> {
    Wire::open_over(stream, path, &[]).await
}
