//! The sockets: they count what comes, and how long it took.

use std::{sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt};
use parking_lot::Mutex;
use tokio::{
    net::TcpStream,
    task::JoinSet,
    time::{Instant, sleep},
};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

use crate::{Result, figures::micros, node::Server};

/// The sockets of one node.
pub(crate) struct Sockets {
    count: usize,
    seen: Arc<Mutex<Vec<u64>>>,
    _tasks: JoinSet<()>,
}

impl Sockets {
    pub(crate) async fn open(server: Server, port: u16, count: usize) -> Result<Self> {
        Self::open_with(server, port, &vec![String::new(); count]).await
    }

    /// Opens a socket with each query.
    pub(crate) async fn open_with(server: Server, port: u16, queries: &[String]) -> Result<Self> {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        for query in queries {
            let socket = open(server, port, query).await?;
            tasks.spawn(read(socket, seen.clone()));
        }
        Ok(Self {
            count: queries.len(),
            seen,
            _tasks: tasks,
        })
    }

    /// Returns how many messages have come.
    pub(crate) fn seen(&self) -> usize {
        self.seen.lock().len()
    }

    /// Waits until every socket has so many messages, or none has come for so long; returns how long each
    /// took, in microseconds.
    pub(crate) async fn all(&self, broadcasts: usize, patience: Duration) -> Vec<u64> {
        let (mut seen, mut since) = (0, Instant::now());
        while seen < broadcasts * self.count && since.elapsed() < patience {
            sleep(Duration::from_millis(1)).await;
            let now = self.seen.lock().len();
            if now > seen {
                (seen, since) = (now, Instant::now());
            }
        }
        let mut seen = std::mem::take(&mut *self.seen.lock());
        seen.sort_unstable();
        seen
    }
}

async fn open(server: Server, port: u16, query: &str) -> Result<WebSocketStream<TcpStream>> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let path = match server {
        Server::Hub => format!("__initializeSocket.wc?{query}"),
        Server::SocketIo => "socket.io/?EIO=4&transport=websocket".to_owned(),
    };
    let (mut socket, _) = client_async(format!("ws://127.0.0.1:{port}/{path}"), stream).await?;
    if server == Server::SocketIo {
        // The namespace, without which no event comes.
        socket.send(Message::text("40")).await?;
        loop {
            let message = socket.next().await.ok_or("a socket was closed")??;
            match message.to_text()? {
                "2" => socket.send(Message::text("3")).await?,
                text if text.starts_with("40") => break,
                _ => {}
            }
        }
    }
    Ok(socket)
}

async fn read(mut socket: WebSocketStream<TcpStream>, seen: Arc<Mutex<Vec<u64>>>) {
    while let Some(Ok(message)) = socket.next().await {
        let Message::Text(text) = message else {
            continue;
        };
        if text == "2" && socket.send(Message::text("3")).await.is_err() {
            return;
        }
        if let Some(sent) = timestamp(&text) {
            seen.lock().push(micros().saturating_sub(sent));
        }
    }
}

/// The first 16 digits in a row.
fn timestamp(text: &str) -> Option<u64> {
    let mut runs = text.split(|sign: char| !sign.is_ascii_digit());
    runs.find(|run| run.len() == 16)?.parse().ok()
}
