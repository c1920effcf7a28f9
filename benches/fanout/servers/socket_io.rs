//! socketioxide: the same broadcast in another protocol.

use std::time::Duration;

use axum::{
    Json, Router,
    extract::{Query, State},
    routing::post,
};
use serde::{Deserialize, Serialize};
use socketioxide::{SocketIo, extract::SocketRef};

use super::{
    axum_ws::BUFFER,
    rooms::{Member, Recipient},
};
use crate::endpoints::PUBLISH_PATH;

pub(super) fn router() -> Router {
    let (layer, io) = SocketIo::builder()
        .ws_read_buffer_size(BUFFER)
        .ping_interval(LONGER_THAN_ANY_RUN)
        .build_layer();
    io.ns("/", join);
    Router::new()
        .route(PUBLISH_PATH, post(publish))
        .with_state(io)
        .layer(layer)
}

async fn join(socket: SocketRef) {
    match Query::<Member>::try_from_uri(&socket.req_parts().uri) {
        Ok(Query(member)) => socket.join(member.rooms()),
        Err(error) => eprintln!("fanout: a socket without a name: {error}"),
    }
}

async fn publish(State(io): State<SocketIo>, Json(message): Json<Message>) {
    let rooms: Vec<_> = message.recipients.iter().map(Recipient::room).collect();
    // Sockets that are stalled refuse it; one that is not notices the gap.
    let _refused = match rooms.is_empty() {
        true => io.emit("n", &message).await,
        false => io.to(rooms).emit("n", &message).await,
    };
}

/// As the hub knows it, with its keys in the same order.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    action: String,
    message: String,
    group_id: String,
    user_id: String,
    recipients: Vec<Recipient>,
}

/// The client does not know these pings.
const LONGER_THAN_ANY_RUN: Duration = Duration::from_secs(24 * 60 * 60);
