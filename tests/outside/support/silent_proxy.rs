//! A TCP proxy that loses its network without a word, as radio links, sleeping laptops and firewalls do.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Forwards every connection to one server until it is told to swallow all bytes.
#[derive(Debug)]
pub(crate) struct SilentProxy {
    address: SocketAddr,
    is_silent: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl SilentProxy {
    pub(crate) async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a port of the loopback interface");
        let address = listener
            .local_addr()
            .expect("the address of a bound socket");
        let (is_silent, heard) = watch::channel(false);
        Self {
            address,
            is_silent,
            task: tokio::spawn(serve(listener, server, heard)),
        }
    }

    /// The URL of `path`, which begins with a slash.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Swallows every byte from now on, in both directions, and takes new connections just the same.
    /// None of these connections ever ends.
    pub(crate) fn fall_silent(&self) {
        self.is_silent.send_replace(true);
    }

    /// Forwards new connections again.
    pub(crate) fn recover(&self) {
        self.is_silent.send_replace(false);
    }
}

impl Drop for SilentProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, server: SocketAddr, is_silent: watch::Receiver<bool>) {
    loop {
        let (client, _) = listener.accept().await.expect("a listening socket");
        let mut is_silent = is_silent.clone();
        tokio::spawn(async move {
            let mut client = client;
            if !*is_silent.borrow_and_update() {
                let server = TcpStream::connect(server).await;
                let server = server.expect("a server that takes connections");
                let lost = is_silent.wait_for(|is_silent| *is_silent);
                tokio::select! {
                    ended = forward(&mut client, server) => return ended,
                    _ = lost => {}
                }
            }
            swallow(client).await;
        });
    }
}

/// Ends when either side does.
async fn forward(client: &mut TcpStream, mut server: TcpStream) {
    // What a side says of the end is its own affair.
    let _ended = tokio::io::copy_bidirectional(client, &mut server).await;
    let _closed = client.shutdown().await;
}

async fn swallow(mut client: TcpStream) {
    let mut bytes = [0; 1024];
    while let Ok(1..) = client.read(&mut bytes).await {}
    // Not even its end is answered.
    std::future::pending::<()>().await;
}
