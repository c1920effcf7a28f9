//! The two ways to broadcast that axum's own WebSockets suggest.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    extract::{
        Query, State, WebSocketUpgrade,
        ws::{Message, Utf8Bytes, WebSocket},
    },
    http::StatusCode,
    response::Response,
    routing::{any, post},
};
use serde::Deserialize;
use tokio::sync::{broadcast, broadcast::error::RecvError, mpsc};

use super::rooms::{Member, Recipient};
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
        .with_state(Shared::default())
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

/// The senders of all sockets, and of those of each user and each group.
#[derive(Default)]
struct Channels {
    all: Vec<mpsc::Sender<Utf8Bytes>>,
    rooms: HashMap<String, Vec<mpsc::Sender<Utf8Bytes>>>,
}

impl Channels {
    fn join(&mut self, member: &Member, sender: mpsc::Sender<Utf8Bytes>) {
        for room in member.rooms() {
            self.rooms.entry(room).or_default().push(sender.clone());
        }
        self.all.push(sender);
    }

    fn send(&mut self, message: &Utf8Bytes, recipients: &[Recipient]) {
        let deliver = |senders: &mut Vec<mpsc::Sender<Utf8Bytes>>| {
            senders.retain(|sender| sender.try_send(message.clone()).is_ok());
        };
        if recipients.is_empty() {
            deliver(&mut self.all);
        }
        for recipient in recipients {
            self.rooms.get_mut(&recipient.room()).map(deliver);
        }
    }
}

/// What has to be known of a message, which is passed on as it came.
#[derive(Deserialize)]
struct Envelope {
    recipients: Vec<Recipient>,
}

type Shared = Arc<Mutex<Channels>>;

async fn publish_to_channels(State(channels): State<Shared>, message: String) -> StatusCode {
    let Ok(Envelope { recipients }) = serde_json::from_str(&message) else {
        return StatusCode::BAD_REQUEST;
    };
    lock(&channels).send(&message.into(), &recipients);
    StatusCode::OK
}

async fn join_channels(
    upgrade: WebSocketUpgrade,
    State(channels): State<Shared>,
    Query(member): Query<Member>,
) -> Response {
    let (sender, mut messages) = mpsc::channel(QUEUE);
    lock(&channels).join(&member, sender);
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

fn lock(channels: &Mutex<Channels>) -> MutexGuard<'_, Channels> {
    channels.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn send(socket: &mut WebSocket, message: Utf8Bytes) -> bool {
    socket.send(Message::Text(message)).await.is_ok()
}

pub(super) const BUFFER: usize = 4096;
/// In messages; holds what a stalled cell sends.
const QUEUE: usize = 512;
