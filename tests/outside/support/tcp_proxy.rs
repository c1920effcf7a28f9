//! A TCP proxy that cuts quiet connections, as routers and load balancers do.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Forwards every connection to one server until nothing passed in either direction for a while.
#[derive(Debug)]
pub(crate) struct QuietCuttingProxy {
    address: SocketAddr,
    counts: Arc<Counts>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Counts {
    opened: AtomicUsize,
    cut: AtomicUsize,
}

impl QuietCuttingProxy {
    pub(crate) async fn start(server: SocketAddr, patience: Duration) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a port of the loopback interface");
        let address = listener
            .local_addr()
            .expect("the address of a bound socket");
        let counts = Arc::new(Counts::default());
        let task = tokio::spawn(serve(listener, server, patience, Arc::clone(&counts)));
        Self {
            address,
            counts,
            task,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The number of WebSockets that were opened through the proxy.
    pub(crate) fn sockets_opened(&self) -> usize {
        self.counts.opened.load(Ordering::Relaxed)
    }

    /// The number of WebSockets that were cut because they were quiet.
    pub(crate) fn sockets_cut(&self) -> usize {
        self.counts.cut.load(Ordering::Relaxed)
    }
}

impl Drop for QuietCuttingProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, server: SocketAddr, patience: Duration, counts: Arc<Counts>) {
    loop {
        let (client, _) = listener.accept().await.expect("a listening socket");
        tokio::spawn(forward(client, server, patience, Arc::clone(&counts)));
    }
}

async fn forward(
    mut client: TcpStream,
    server: SocketAddr,
    patience: Duration,
    counts: Arc<Counts>,
) {
    let Ok(mut server) = TcpStream::connect(server).await else {
        return;
    };
    let mut is_socket = false;
    let mut sent = [0; 16 * 1024];
    let mut received = [0; 16 * 1024];
    loop {
        let passed = tokio::select! {
            read = client.read(&mut sent) => {
                let Ok(length @ 1..) = read else { return };
                if !is_socket && asks_for_a_socket(&sent[..length]) {
                    is_socket = true;
                    counts.opened.fetch_add(1, Ordering::Relaxed);
                }
                server.write_all(&sent[..length]).await
            }
            read = server.read(&mut received) => {
                let Ok(length @ 1..) = read else { return };
                client.write_all(&received[..length]).await
            }
            () = tokio::time::sleep(patience) => {
                counts.cut.fetch_add(usize::from(is_socket), Ordering::Relaxed);
                return;
            }
        };
        if passed.is_err() {
            return;
        }
    }
}

fn asks_for_a_socket(request: &[u8]) -> bool {
    String::from_utf8_lossy(request)
        .to_ascii_lowercase()
        .contains("upgrade: websocket")
}
