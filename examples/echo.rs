//! Echoes text and binary messages, for conformance suites.
//!
//! `cargo run --release --example echo -- --port 9001 --max-message 33554432`

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context;
use axum::Router;
use clap::Parser;
use tokio::net::TcpListener;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use web_connection_socket::{Config, RawMessage, Socket, SocketError, WebConnectionSocketLayer};

/// Echoes every WebSocket message.
#[derive(Parser)]
struct Options {
    /// Port to listen on, at 127.0.0.1 only; 0 takes any free one.
    #[arg(long, default_value_t = 9001)]
    port: u16,
    /// Largest message that a client may send, in bytes.
    #[arg(long, default_value_t = 64 * 1024)]
    max_message: usize,
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
    let config = Config::new()
        .max_message_size(options.max_message)
        // A client may send a few messages before it reads their echoes.
        .max_queue_bytes(options.max_message.saturating_mul(4).max(1024 * 1024));
    let layer = WebConnectionSocketLayer::new(config).on_raw(echo);

    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen at {address}"))?;
    println!(
        "Echoing at ws://{}/; Ctrl+C ends it.",
        listener.local_addr()?
    );
    web_connection_socket::serve(listener, layer, Router::new()).await?;
    Ok(())
}

async fn echo(socket: Socket, message: RawMessage) -> Result<(), SocketError> {
    socket.send_raw(&message)
}
