//! A chat for all visitors of its page.
//!
//! `cargo run --example chat`, then open the printed address in two browsers.
//!
//! The application is a plain router. A browser's message reaches it as a POST; it renders the
//! Markdown and broadcasts the result under the same action. A message that a program on this machine
//! posts to `/__broadcastWebSocket.wc` goes to the browsers directly, so its `message` is HTML as well.
//! The page shows only harmless elements of either.
//!
//! The layer keeps the last messages. A page shows them first and opens its socket behind them, and one
//! that reconnects gets what it missed. The layer also tells it who is here.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::Context;
use axum::{
    Router,
    http::{
        StatusCode, Uri,
        header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
    },
    response,
    routing::{MethodRouter, get, post},
};
use clap::Parser;
use tokio::net::TcpListener;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use web_connection_socket::{
    Config, Hub, Socket, SocketMessage, WebConnectionSocketLayer,
    config::{HistoryRule, PresenceRule},
    script,
};

mod markdown;
mod recent;
#[cfg(test)]
mod tests;

/// A chat over WebSockets.
#[derive(Parser)]
struct Options {
    /// Port to listen on, at 127.0.0.1 only; 0 takes any free one.
    #[arg(long, default_value_t = 5200)]
    port: u16,
    /// Extension of the URL that browsers' messages are posted to.
    #[arg(long, default_value = "wwd")]
    script_map: String,
    /// Largest message that a browser may send, in bytes.
    #[arg(long, default_value_t = 64 * 1024)]
    max_message: usize,
    /// How many sockets may be open, of all clients; no limit without.
    #[arg(long)]
    max_sockets: Option<usize>,
    /// How many sockets one client may have open; no limit without. Not for a server behind a proxy.
    #[arg(long)]
    max_sockets_per_client: Option<usize>,
    /// Messages per second that a browser may send, five times as many at once; no limit without.
    #[arg(long)]
    message_rate: Option<u32>,
    /// Bytes per second that a browser may send, five times as many at once; no limit without.
    #[arg(long)]
    byte_rate: Option<u32>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    // Logs refusals and failures to stderr, and more with RUST_LOG=debug.
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::builder()
                .with_default_directive(LevelFilter::INFO.into())
                .from_env_lossy(),
        )
        .with_writer(std::io::stderr)
        .init();
    let layer = layer(config(&options));
    let app = app(&options.script_map, layer.hub());

    // Local callers may broadcast: no other machine may reach this port.
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen at {address}"))?;
    println!(
        "Open http://{}/ in two browsers; Ctrl+C ends the chat.",
        listener.local_addr()?
    );
    web_connection_socket::serve(listener, layer, app).await?;
    Ok(())
}

fn config(options: &Options) -> Config {
    let mut config = Config::new()
        .script_map(options.script_map.clone())
        .max_message_size(options.max_message);
    if let Some(n) = options.max_sockets {
        config = config.max_sockets(n);
    }
    if let Some(n) = options.max_sockets_per_client {
        config = config.max_sockets_per_client(n);
    }
    if let Some(messages) = options.message_rate {
        config = config.message_rate(messages, messages.saturating_mul(5));
    }
    if let Some(bytes) = options.byte_rate {
        config = config.byte_rate(bytes, bytes.saturating_mul(5));
    }
    config
}

fn layer(config: Config) -> WebConnectionSocketLayer {
    let lasting = |rule: HistoryRule| rule.messages(recent::MOST).age(Duration::from_secs(3_600));
    let config = config
        .trust_local_callers()
        .history(lasting(HistoryRule::all()))
        .history(lasting(HistoryRule::group("*")))
        .presence(PresenceRule::group(PEOPLE));
    WebConnectionSocketLayer::new(config)
}

/// The group of all pages that show who is here.
const PEOPLE: &str = "chat/people";

fn app(script_map: &str, hub: Arc<Hub>) -> Router {
    let script = |text| page("text/javascript", text);
    Router::new()
        .route("/", page("text/html", include_str!("index.html")))
        .route("/chat.css", page("text/css", include_str!("chat.css")))
        .route("/chat.js", script(include_str!("chat.js")))
        .route("/message.js", script(include_str!("message.js")))
        .route("/people.js", script(include_str!("people.js")))
        .route("/recent", get(move |uri: Uri| recent::answer(hub, uri)))
        .nest_service("/scripts", script::service())
        .route(&format!("/__WebSocket.{script_map}"), post(on_web_socket))
}

/// Handles the messages of all sockets, and those that programs post to the same URL.
async fn on_web_socket(socket: Socket) -> response::Result<()> {
    match socket.message().action.as_str() {
        CHAT => chat(&socket).await,
        action => {
            let text = format!("The chat knows no action {action:?}.");
            Err((StatusCode::UNPROCESSABLE_ENTITY, text).into())
        }
    }
}

/// The one action that the page and the application use, in both directions.
const CHAT: &str = "broadcastchatmessage";

/// Sends a message to the recipients that its sender chose, and their number to a sender that asks.
///
/// The message is a new one with the chat's own action and the time, so that no page can speak for the
/// application. Its author is a claim of the sender, because this chat has no `identify` hook.
async fn chat(socket: &Socket) -> response::Result<()> {
    let written = socket.message();
    let mut message = SocketMessage::new(CHAT)
        .text(markdown::render(&written.message))
        .from_user(written.user_id.clone())
        .from_group(written.group_id.clone())
        .with_extra("time", &milliseconds())?;
    message.recipients.clone_from(&written.recipients);

    let broadcast = socket.broadcast(&message);
    let receipt = written.extra("receipt").map(serde_json::from_str::<String>);
    if let Some(Ok(receipt)) = receipt {
        let sent = SocketMessage::new("sent").text(broadcast.matched.to_string());
        socket.reply(&sent.with_extra("receipt", &receipt)?)?;
    }
    Ok(())
}

/// The time as browsers count it.
fn milliseconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |time| {
        time.as_secs() * 1_000 + u64::from(time.subsec_millis())
    })
}

fn page(media_type: &str, text: &'static str) -> MethodRouter {
    let headers = [
        (CONTENT_TYPE, format!("{media_type}; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, POLICY.to_owned()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    get((headers, text))
}

/// Allows the page's own files and its own server only; `data:` is the tab's icon.
const POLICY: &str = "default-src 'self'; connect-src 'self'; img-src 'self' data:; \
    object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
