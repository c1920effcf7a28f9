//! An application that answers each message with the message.

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::{
        State, WebSocketUpgrade,
        ws::{Message, Utf8Bytes, WebSocket},
    },
    http::{Request, header::CONTENT_TYPE},
    response::Response,
    routing::{any, post},
};
use tower::ServiceExt;

use web_connection_socket::SocketMessage;

use super::axum_ws::small_buffers;
use crate::{endpoints::SOCKET_PATH, error::Result};

/// The route that the hub hands messages to.
pub(super) fn route() -> Router {
    Router::new().route(DISPATCH_PATH, post(answer))
}

/// The same route, asked in memory for each message of an axum socket.
pub(super) fn over_axum() -> Router {
    Router::new()
        .route(SOCKET_PATH, any(upgrade))
        .with_state(route())
}

async fn answer(Json(message): Json<SocketMessage>) -> Json<SocketMessage> {
    Json(message)
}

async fn upgrade(upgrade: WebSocketUpgrade, State(route): State<Router>) -> Response {
    small_buffers(upgrade).on_upgrade(|socket| async move {
        if let Err(error) = converse(socket, route).await {
            eprintln!("fanout: a socket of the echo ended: {error}");
        }
    })
}

async fn converse(mut socket: WebSocket, route: Router) -> Result<()> {
    while let Some(Ok(message)) = socket.recv().await {
        if let Message::Text(text) = message {
            let request = Request::post(DISPATCH_PATH)
                .header(CONTENT_TYPE, "application/json")
                .body(Body::from(axum::body::Bytes::from(text)))?;
            let response = route.clone().oneshot(request).await?;
            let body = to_bytes(response.into_body(), usize::MAX).await?;
            socket
                .send(Message::Text(Utf8Bytes::try_from(body)?))
                .await?;
        }
    }
    Ok(())
}

const DISPATCH_PATH: &str = "/__WebSocket.wwd";
