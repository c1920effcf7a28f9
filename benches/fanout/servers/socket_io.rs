//! socketioxide: the same broadcast in another protocol.

use std::time::Duration;

use axum::{Json, Router, extract::State, routing::post};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use socketioxide::{SocketIo, extract::SocketRef};

use super::axum_ws::BUFFER;
use crate::endpoints::PUBLISH_PATH;

pub(super) fn router() -> Router {
    let (layer, io) = SocketIo::builder()
        .ws_read_buffer_size(BUFFER)
        .ping_interval(LONGER_THAN_ANY_RUN)
        .build_layer();
    io.ns("/", async |_: SocketRef| {});
    Router::new()
        .route(PUBLISH_PATH, post(publish))
        .with_state(io)
        .layer(layer)
}

async fn publish(State(io): State<SocketIo>, Json(message): Json<Message>) {
    // Sockets that are stalled refuse it; one that is not notices the gap.
    let _refused = io.emit("n", &message).await;
}

/// As the hub knows it, with its keys in the same order.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    action: String,
    message: String,
    group_id: String,
    user_id: String,
    recipients: Vec<Value>,
}

/// The client does not know these pings.
const LONGER_THAN_ANY_RUN: Duration = Duration::from_secs(24 * 60 * 60);
