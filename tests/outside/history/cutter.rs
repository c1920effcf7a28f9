//! A way to a server that can be cut.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// Forwards connections, counts what went to the server, and cuts all of them at once.
pub(super) struct Cutter {
    address: SocketAddr,
    forwarded: Arc<AtomicUsize>,
    cuts: watch::Sender<usize>,
    open: Arc<watch::Sender<usize>>,
    task: JoinHandle<()>,
}

impl Cutter {
    pub(super) async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a port of the loopback interface");
        let address = listener.local_addr().expect("a bound address");
        let forwarded = Arc::new(AtomicUsize::new(0));
        let cuts = watch::Sender::new(0);
        let open = Arc::new(watch::Sender::new(0));
        let task = tokio::spawn(serve(
            listener,
            server,
            forwarded.clone(),
            cuts.subscribe(),
            open.clone(),
        ));
        Self {
            address,
            forwarded,
            cuts,
            open,
            task,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many bytes were handed to the server's connections.
    pub(super) fn forwarded(&self) -> usize {
        self.forwarded.load(Relaxed)
    }

    /// Ends all connections, and waits until they are closed. What was handed on stays handed on.
    pub(super) async fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
        let mut open = self.open.subscribe();
        let none = open.wait_for(|open| *open == 0).await;
        none.expect("the sender is this one's");
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    listener: TcpListener,
    server: SocketAddr,
    forwarded: Arc<AtomicUsize>,
    cuts: watch::Receiver<usize>,
    open: Arc<watch::Sender<usize>>,
) {
    while let Ok((client, _)) = listener.accept().await {
        let (forwarded, mut cuts, open) = (forwarded.clone(), cuts.clone(), open.clone());
        cuts.mark_unchanged();
        open.send_modify(|open| *open += 1);
        tokio::spawn(async move {
            tokio::select! {
                () = forward(client, server, &forwarded) => {}
                _ = cuts.changed() => {}
            }
            open.send_modify(|open| *open -= 1);
        });
    }
}

async fn forward(mut client: TcpStream, server: SocketAddr, forwarded: &AtomicUsize) {
    let Ok(mut server) = TcpStream::connect(server).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let up = async {
        let mut bytes = [0; 16 << 10];
        while let Ok(count @ 1..) = from_client.read(&mut bytes).await {
            if to_server.write_all(&bytes[..count]).await.is_err() {
                break;
            }
            forwarded.fetch_add(count, Relaxed);
        }
    };
    tokio::select! {
        () = up => {}
        _ = copy(&mut from_server, &mut to_client) => {}
    }
}
