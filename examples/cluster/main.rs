//! One node of a chat over many: start it several times, on one broker.
//!
//! ```sh
//! cargo run --example cluster --features nats,redis -- --port 5201 --redis redis://127.0.0.1/
//! cargo run --example cluster --features nats,redis -- --port 5202 --redis redis://127.0.0.1/
//! ```
//!
//! Then open both printed addresses. A page shows on which node its socket is, who is on the others and
//! in the lobby, and what was said last; one that reconnects, to whichever node, gets what it missed (on
//! NATS with `--jetstream`; else each node keeps what was said by itself).
//! `curl http://127.0.0.1:5201/cluster` tells scripts the same. Without a broker the node is alone.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use anyhow::Context;
use axum::{
    Router,
    http::{
        StatusCode,
        header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
    },
    response::{self, IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use clap::Parser;
use serde_json::json;
use tokio::net::TcpListener;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use web_connection_socket::{
    Config, Hub, MessageError, Socket, SocketMessage, WebConnectionSocketLayer,
    backplane::{MemoryBackplane, NatsBackplane, RedisBackplane},
    config::{HistoryRule, PresenceRule},
    history::{JetStreamHistory, RedisHistory},
    script,
};

mod here;
#[cfg(test)]
mod tests;

/// One node of a chat.
#[derive(Parser)]
struct Options {
    /// Port to listen on, at 127.0.0.1 only; 0 takes any free one.
    #[arg(long, default_value_t = 5200)]
    port: u16,
    /// URL of a Redis server, or of several of a Redis Cluster, separated by commas.
    #[arg(long, conflicts_with = "nats")]
    redis: Option<String>,
    /// URL of a NATS server, or of several of a cluster, separated by commas.
    #[arg(long)]
    nats: Option<String>,
    /// Keeps what was said in JetStream, if the NATS server has it, instead of on each node by itself.
    #[arg(long, requires = "nats", conflicts_with = "redis")]
    jetstream: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    // Logs what happens to the cluster to stderr, and more with RUST_LOG=debug.
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::builder()
                .with_default_directive(LevelFilter::INFO.into())
                .from_env_lossy(),
        )
        .with_writer(std::io::stderr)
        .init();
    let layer = in_cluster(layer(), &options)?;
    let app = app(layer.hub());

    // Local callers may broadcast: no other machine may reach this port.
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen at {address}"))?;
    println!(
        "Node {} is at http://{}/; Ctrl+C ends it.",
        layer.hub().cluster().node(),
        listener.local_addr()?
    );
    web_connection_socket::serve(listener, layer, app).await?;
    Ok(())
}

fn layer() -> WebConnectionSocketLayer {
    let config = Config::new()
        .script_map("wwd")
        .trust_local_callers()
        // The last 100 messages, for five minutes, by default.
        .history(HistoryRule::group(LOBBY))
        .presence(PresenceRule::group(LOBBY));
    let layer = WebConnectionSocketLayer::new(config)
        .on_cluster_event(|event| tracing::info!(?event, "the cluster has changed"));
    here::tell(layer)
}

/// The group of all pages.
const LOBBY: &str = "lobby";

/// Makes the node one of a cluster.
fn in_cluster(
    layer: WebConnectionSocketLayer,
    options: &Options,
) -> anyhow::Result<WebConnectionSocketLayer> {
    Ok(match (&options.redis, &options.nats) {
        (Some(url), _) => {
            let (backplane, history) = RedisBackplane::new(url)
                .and_then(|backplane| Ok((backplane, RedisHistory::new(url)?)))
                .context("--redis")?;
            layer
                .backplane(backplane.prefix(PREFIX))
                .history_store(history.prefix(PREFIX))
        }
        (None, Some(url)) => {
            let (backplane, history) = NatsBackplane::new(url)
                .and_then(|backplane| Ok((backplane, JetStreamHistory::new(url)?)))
                .context("--nats")?;
            let layer = layer.backplane(backplane.prefix(PREFIX));
            if options.jetstream {
                layer.history_store(history.prefix(PREFIX))
            } else {
                layer
            }
        }
        (None, None) => {
            tracing::info!("without --redis or --nats this node is alone");
            layer.backplane(MemoryBackplane::new())
        }
    })
}

/// Keeps the nodes of this example apart from other applications on the broker.
const PREFIX: &str = "cluster-example";

fn app(hub: Arc<Hub>) -> Router {
    let kept = Arc::clone(&hub);
    Router::new()
        .route("/", page("text/html", include_str!("index.html")))
        .route(
            "/cluster.css",
            page("text/css", include_str!("cluster.css")),
        )
        .route(
            "/cluster.js",
            page("text/javascript", include_str!("cluster.js")),
        )
        .nest_service("/scripts", script::service())
        .route("/cluster", get(move || async move { state(&hub) }))
        .route("/recent", get(move || async move { recent(&kept).await }))
        .route("/__WebSocket.wwd", post(on_web_socket))
}

/// Passes on what a visitor says, with the name of the node that its socket is on.
///
/// The message is a new one, so that no page can speak for the application. Its author is a claim of the
/// sender, because this chat has no `identify` hook.
async fn on_web_socket(socket: Socket) -> Result<(), MessageError> {
    let node = socket.hub().cluster().node().to_string();
    let said = json!({ "node": node, "text": socket.text() });
    let message = SocketMessage::new("said").json(&said)?;
    let message = message.from_user(socket.user().id().clone());
    socket.broadcast(&message.to_group(LOBBY));
    Ok(())
}

/// What was said last, and the position from which a page's socket goes on.
async fn recent(hub: &Hub) -> response::Result<Response> {
    let page = hub.history(LOBBY).limit(100).await;
    let page = page.map_err(|error| (StatusCode::SERVICE_UNAVAILABLE, error.to_string()))?;
    let messages: Vec<_> = page.messages.iter().map(|kept| &kept.message).collect();
    let recent = json!({ "messages": messages, "position": page.position });
    Ok(([(CONTENT_TYPE, "application/json")], recent.to_string()).into_response())
}

/// What a script wants to know of this node.
fn state(hub: &Hub) -> Response {
    let cluster = hub.cluster();
    let nodes: Vec<_> = cluster.nodes().iter().map(ToString::to_string).collect();
    let state = json!({
        "node": cluster.node().to_string(),
        "connected": cluster.is_connected(),
        "nodes": nodes,
        "gaps": hub.stats().cluster.unwrap_or_default().gaps,
        "sockets": hub.len(),
    });
    ([(CONTENT_TYPE, "application/json")], state.to_string()).into_response()
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
