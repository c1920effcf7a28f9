//! A chat for everybody who opens its page.
//!
//! `cargo run --example chat`, then open the printed address in two browsers.
//!
//! The application is a plain router. A browser's message reaches it as a POST; it renders the
//! Markdown and broadcasts the result. What a program on this machine posts to
//! `/__broadcastWebSocket.wc` goes to the browsers directly: the page shows it as plain text.

use std::{
    error::Error,
    fmt,
    net::{Ipv4Addr, SocketAddr},
};

use axum::{
    Router,
    http::{
        StatusCode,
        header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
    },
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use clap::Parser;
use tokio::net::TcpListener;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use web_connection_socket::{
    Config, MessageError, Socket, SocketError, SocketMessage, WebConnectionSocketLayer, script,
};

mod markdown;

/// A chat over Web Sockets.
#[derive(Parser)]
struct Options {
    /// Port to listen on, at 127.0.0.1 only; 0 takes any free one.
    #[arg(long, default_value_t = 5200)]
    port: u16,
    /// Extension of the URL at which the application gets the browsers' messages.
    #[arg(long, default_value = "wwd")]
    script_map: String,
    /// Largest message that a browser may send, in bytes.
    #[arg(long, default_value_t = 64 * 1024)]
    max_message: usize,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    // To stderr: what is refused and what fails, and more with RUST_LOG=debug.
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::builder()
                .with_default_directive(LevelFilter::INFO.into())
                .from_env_lossy(),
        )
        .with_writer(std::io::stderr)
        .init();
    let config = Config::new()
        .script_map(options.script_map.clone())
        .max_message_size(options.max_message)
        .trust_local_callers();
    let layer = WebConnectionSocketLayer::new(config);
    let app = Router::new()
        .route("/", page("text/html", include_str!("index.html")))
        .route("/chat.css", page("text/css", include_str!("chat.css")))
        .route("/chat.js", page("text/javascript", include_str!("chat.js")))
        .nest_service("/scripts", script::service())
        .route(
            &format!("/__WebSocket.{}", options.script_map),
            post(on_web_socket),
        );

    // Local callers are trusted with the broadcast URL: nobody else may reach this port.
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, options.port))).await?;
    println!(
        "Open http://{}/ in two browsers; Ctrl+C ends the chat.",
        listener.local_addr()?
    );
    web_connection_socket::serve(listener, layer, app).await?;
    Ok(())
}

async fn on_web_socket(socket: Socket) -> Result<(), ChatError> {
    match socket.message().action.as_str() {
        "broadcastchatmessage" => broadcast_chat_message(&socket),
        action => Err(ChatError::UnknownAction(action.to_owned())),
    }
}

/// Sends what somebody wrote to whom they chose, and tells them how many sockets that is.
///
/// The message is built anew instead of passed on: its `html` is ours, whatever the sender put into
/// theirs. Its author is what the sender claims, because this chat has no `identify` hook.
fn broadcast_chat_message(socket: &Socket) -> Result<(), ChatError> {
    let written = socket.message();
    let mut message = SocketMessage::new("chatmessage")
        .text(&written.message)
        .from_user(written.user_id.clone())
        .from_group(written.group_id.clone());
    message.recipients.clone_from(&written.recipients);
    if let Some(html) = markdown::render(&written.message) {
        message = message.with_extra("html", &html)?;
    }

    let broadcast = socket.broadcast(&message);
    socket.reply(&SocketMessage::new("sent").text(broadcast.matched.to_string()))?;
    Ok(())
}

fn page(media_type: &str, text: &'static str) -> MethodRouter {
    let headers = [
        (CONTENT_TYPE, format!("{media_type}; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, POLICY.to_owned()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    get((headers, text))
}

/// Only the page's own files run, and it talks to its own server only; `data:` is the tab's icon.
const POLICY: &str = "default-src 'self'; connect-src 'self'; img-src 'self' data:; \
    object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

#[derive(Debug)]
enum ChatError {
    UnknownAction(String),
    Message(MessageError),
    Sender(SocketError),
}

impl From<SocketError> for ChatError {
    fn from(error: SocketError) -> Self {
        Self::Sender(error)
    }
}

impl From<MessageError> for ChatError {
    fn from(error: MessageError) -> Self {
        Self::Message(error)
    }
}

impl fmt::Display for ChatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownAction(action) => write!(f, "the chat knows no action {action:?}"),
            Self::Message(error) => error.fmt(f),
            Self::Sender(error) => write!(f, "the sender cannot be told: {error}"),
        }
    }
}

impl IntoResponse for ChatError {
    fn into_response(self) -> Response {
        (StatusCode::UNPROCESSABLE_ENTITY, self.to_string()).into_response()
    }
}
