//! A TCP proxy of which one direction can fail, as it does with broken firewalls and stalled readers.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// Forwards every connection to one server, as far as its state lets it.
#[derive(Debug)]
pub(crate) struct Gate {
    address: SocketAddr,
    state: watch::Sender<State>,
    task: JoinHandle<()>,
}

/// What becomes of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Open,
    /// What a client sends is swallowed.
    Mute,
    /// What the server sends is swallowed.
    Deaf,
    /// What the server sends is not read.
    Stalled,
}

impl Gate {
    pub(crate) async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a port of the loopback interface");
        let address = listener.local_addr().expect("a bound address");
        let (state, heard) = watch::channel(State::Open);
        #[expect(clippy::disallowed_methods, reason = "the gate beside its test")]
        let task = tokio::spawn(serve(listener, server, heard));
        Self {
            address,
            state,
            task,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what becomes of bytes. Connections that have lost some stay as they are: only new ones
    /// are forwarded again.
    pub(crate) fn set(&self, state: State) {
        self.state.send_replace(state);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, server: SocketAddr, state: watch::Receiver<State>) {
    loop {
        let (client, _) = listener.accept().await.expect("a listening socket");
        // A server that is not there is what a client is to see.
        let Ok(server) = TcpStream::connect(server).await else {
            continue;
        };
        let state = state.clone();
        #[expect(clippy::disallowed_methods, reason = "each connection has a task")]
        tokio::spawn(async move {
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            let up = carry(from_client, to_server, state.clone(), &[State::Mute], &[]);
            let down = carry(
                from_server,
                to_client,
                state,
                &[State::Deaf],
                &[State::Stalled],
            );
            // Either end closes both.
            tokio::select! {
                () = up => {}
                () = down => {}
            }
        });
    }
}

async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut state: watch::Receiver<State>,
    swallows: &[State],
    stalls: &[State],
) {
    let mut bytes = vec![0; 64 * 1024];
    let mut has_lost = false;
    loop {
        let goes_on = |state: &State| !stalls.contains(state);
        if state.wait_for(goes_on).await.is_err() {
            return;
        }
        let read = tokio::select! {
            read = from.read(&mut bytes) => read,
            _ = state.wait_for(|state| stalls.contains(state)) => continue,
        };
        let Ok(length @ 1..) = read else { return };
        has_lost |= swallows.contains(&state.borrow());
        if !has_lost && to.write_all(&bytes[..length]).await.is_err() {
            return;
        }
    }
}
