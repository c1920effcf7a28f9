//! The yardstick: axum's own WebSockets, each of which listens to one channel.

use std::net::Ipv4Addr;

use axum::{
    Router,
    extract::{
        State, WebSocketUpgrade,
        ws::{Message, Utf8Bytes, WebSocket},
    },
    response::Response,
    routing::any,
};
use tokio::{
    net::TcpListener,
    sync::broadcast::{self, error::RecvError},
};

use crate::{Result, process::say};

/// Serves until the process is ended.
pub(super) async fn run() -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    say(&listener.local_addr()?)?;
    let (sender, _) = broadcast::channel(MESSAGES);
    let path = "/__initializeSocket.wc";
    let app = Router::new().route(path, any(join)).with_state(sender);
    axum::serve(listener, app).await?;
    Ok(())
}

type Sender = broadcast::Sender<Utf8Bytes>;

async fn join(upgrade: WebSocketUpgrade, State(sender): State<Sender>) -> Response {
    let mut messages = sender.subscribe();
    upgrade.on_upgrade(async move |mut socket: WebSocket| {
        loop {
            tokio::select! {
                message = messages.recv() => match message {
                    Ok(text) => if socket.send(Message::Text(text)).await.is_err() { return },
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                },
                heard = socket.recv() => match heard {
                    Some(Ok(Message::Text(text))) => {
                        // The sender is a listener itself.
                        let _listeners = sender.send(text);
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return,
                },
            }
        }
    })
}

/// As long as axum's example of a chat has it.
const MESSAGES: usize = 100;
