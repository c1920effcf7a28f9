//! The application behind every server: it replies to messages of both protocols, and has a page.

use axum::{
    Router,
    body::Bytes,
    http::header::{CONTENT_TYPE, HeaderName},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use tokio::net::TcpListener;

use crate::Result;

#[tokio::main]
pub(crate) async fn serve(port: &str) -> Result<()> {
    let app = Router::new()
        .route("/page", get(async || PAGE))
        .route("/__WebSocket.wwd", post(reply))
        .route("/socket", post(events));
    let listener = TcpListener::bind(("127.0.0.1", port.parse()?)).await?;
    axum::serve(listener, app).await?;
    Ok(())
}

/// The gateway's protocol: a message, and a reply to its sender.
async fn reply() -> Response {
    ([(CONTENT_TYPE, "application/json")], REPLY).into_response()
}

/// Pushpin's: frames of WebSockets over HTTP.
async fn events(body: Bytes) -> Response {
    let kind = [(CONTENT_TYPE, "application/websocket-events")];
    if body.starts_with(b"OPEN\r\n") {
        let grip = (HeaderName::from_static("sec-websocket-extensions"), GRIP);
        return (kind, [grip], "OPEN\r\n").into_response();
    }
    if body.starts_with(b"TEXT ") {
        let frame = format!("TEXT {:x}\r\n{REPLY}\r\n", REPLY.len());
        return (kind, frame).into_response();
    }
    (kind, body).into_response()
}

/// Without a prefix, every frame is a message and none an order for the proxy.
const GRIP: &str = "grip; message-prefix=\"\"";
const PAGE: &str = include_str!("../../examples/chat/index.html");
const REPLY: &str =
    r#"{"action":"heard","message":"sixty-four bytes or so of a text that is sent"}"#;
