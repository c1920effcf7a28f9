//! The two ways to broadcast that axum's own WebSockets suggest.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Router,
    extract::{
        State, WebSocketUpgrade,
        ws::{Message, Utf8Bytes, WebSocket},
    },
    response::Response,
    routing::{any, post},
};
use tokio::sync::{broadcast, broadcast::error::RecvError, mpsc};

use crate::endpoints::{PUBLISH_PATH, SOCKET_PATH};

/// One channel that every socket's task listens to.
pub(super) fn broadcast() -> Router {
    let (sender, _) = broadcast::channel(QUEUE);
    Router::new()
        .route(SOCKET_PATH, any(join_broadcast))
        .route(PUBLISH_PATH, post(publish_to_broadcast))
        .with_state(sender)
}

/// A bounded channel of its own for every socket's task.
pub(super) fn channel() -> Router {
    Router::new()
        .route(SOCKET_PATH, any(join_channels))
        .route(PUBLISH_PATH, post(publish_to_channels))
        .with_state(Channels::default())
}

/// The default buffers take 132 KiB per socket and 9 µs per delivery.
pub(super) fn small_buffers(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade.read_buffer_size(BUFFER).write_buffer_size(BUFFER)
}

type Sender = broadcast::Sender<Utf8Bytes>;

async fn publish_to_broadcast(State(sender): State<Sender>, message: String) {
    if let Err(unheard) = sender.send(message.into()) {
        eprintln!("fanout: {unheard}");
    }
}

async fn join_broadcast(upgrade: WebSocketUpgrade, State(sender): State<Sender>) -> Response {
    let mut messages = sender.subscribe();
    small_buffers(upgrade).on_upgrade(|mut socket| async move {
        loop {
            tokio::select! {
                message = messages.recv() => match message {
                    Ok(message) => if !send(&mut socket, message).await { return },
                    // A client that is not stalled notices the gap.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                },
                heard = socket.recv() => if !matches!(heard, Some(Ok(_))) { return },
            }
        }
    })
}

type Channels = Arc<Mutex<Vec<mpsc::Sender<Utf8Bytes>>>>;

async fn publish_to_channels(State(channels): State<Channels>, message: String) {
    let message = Utf8Bytes::from(message);
    let mut channels = channels.lock().unwrap_or_else(PoisonError::into_inner);
    channels.retain(|channel| channel.try_send(message.clone()).is_ok());
}

async fn join_channels(upgrade: WebSocketUpgrade, State(channels): State<Channels>) -> Response {
    let (sender, mut messages) = mpsc::channel(QUEUE);
    channels
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(sender);
    small_buffers(upgrade).on_upgrade(|mut socket| async move {
        loop {
            tokio::select! {
                message = messages.recv() => match message {
                    Some(message) => if !send(&mut socket, message).await { return },
                    None => return,
                },
                heard = socket.recv() => if !matches!(heard, Some(Ok(_))) { return },
            }
        }
    })
}

async fn send(socket: &mut WebSocket, message: Utf8Bytes) -> bool {
    socket.send(Message::Text(message)).await.is_ok()
}

pub(super) const BUFFER: usize = 4096;
/// In messages; holds what a stalled cell sends.
const QUEUE: usize = 512;
