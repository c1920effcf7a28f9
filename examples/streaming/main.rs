//! A text that arrives in pieces, as the answer of a language model does, and outlives a reload of its page.
//!
//! `cargo run --example streaming`, then ask something, and reload the page or unplug the network while
//! the answer is being written: what is there stays, and the rest follows, each piece once.
//!
//! The pieces are messages to the visitor, of which the layer keeps the last ones. The page keeps the
//! text, and its client the place up to which the page has it (`remember: "session"`).

use std::{
    collections::HashSet,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context;
use axum::{
    Router,
    http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
    routing::{MethodRouter, get},
};
use clap::Parser;
use tokio::{net::TcpListener, time::sleep};
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use web_connection_socket::{
    Config, Hub, Socket, SocketMessage, UserId, WebConnectionSocketLayer, config::HistoryRule,
    script,
};

#[cfg(test)]
mod tests;

/// Answers that arrive in pieces.
#[derive(Parser)]
struct Options {
    /// Port to listen on, at 127.0.0.1 only; 0 takes any free one.
    #[arg(long, default_value_t = 5200)]
    port: u16,
    /// Milliseconds between two pieces of an answer.
    #[arg(long, default_value_t = 80)]
    pause: u64,
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
    let layer = layer(Duration::from_millis(options.pause));

    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen at {address}"))?;
    println!("Open http://{}/; Ctrl+C ends it.", listener.local_addr()?);
    web_connection_socket::serve(listener, layer, app()).await?;
    Ok(())
}

fn layer(pause: Duration) -> WebConnectionSocketLayer {
    // A page that is away for five minutes at most gets what was written meanwhile. It would get no more than 300
    // messages in any case.
    let config = Config::new().history(HistoryRule::users().messages(300));
    let writing = Writing::default();
    WebConnectionSocketLayer::new(config).on_action("ask", move |socket: Socket| {
        let begun = begin(&socket, &writing, pause);
        async move {
            match begun {
                Ok(()) => Ok(()),
                Err(why) => socket.reply(&SocketMessage::new("refused").text(why)),
            }
        }
    })
}

/// Begins to answer the visitor, also if its page is not there until the end.
///
/// Who asks is a claim of the page, because there is no `identify` hook. The page claims a name that no
/// other visitor guesses.
fn begin(socket: &Socket, writing: &Writing, pause: Duration) -> Result<(), &'static str> {
    let visitor = socket.user().id().clone();
    if visitor.as_str().is_empty() {
        return Err("Without a name there is no visitor to answer.");
    }
    writing.enter(&visitor)?;
    let question = socket.text().to_owned();
    let (hub, writing) = (Arc::clone(socket.hub()), writing.clone());
    #[expect(clippy::disallowed_methods, reason = "it ends with the answer")]
    tokio::spawn(async move {
        write(&hub, &visitor, &question, pause).await;
        writing.leave(&visitor);
    });
    Ok(())
}

async fn write(hub: &Hub, visitor: &UserId, question: &str, pause: Duration) {
    let tell = |action, text: &str| {
        hub.broadcast(
            &SocketMessage::new(action)
                .text(text)
                .to_user(visitor.as_str()),
        );
    };
    tell("begin", question);
    for piece in pieces() {
        sleep(pause).await;
        tell("piece", &piece);
    }
    tell("end", "");
}

/// Cuts the one answer that is known here into pieces of two words.
fn pieces() -> Vec<String> {
    let words: Vec<_> = ANSWER.split_inclusive(' ').collect();
    words.chunks(2).map(<[_]>::concat).collect()
}

const ANSWER: &str = include_str!("answer.txt");

/// The visitors whose answers are being written.
#[derive(Clone, Debug, Default)]
struct Writing(Arc<Mutex<HashSet<UserId>>>);

impl Writing {
    fn enter(&self, visitor: &UserId) -> Result<(), &'static str> {
        let mut visitors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if visitors.len() >= MOST_ANSWERS {
            return Err("Too many answers are being written. Ask again in a minute.");
        }
        if !visitors.insert(visitor.clone()) {
            return Err("An answer is being written already.");
        }
        Ok(())
    }

    fn leave(&self, visitor: &UserId) {
        let mut visitors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        visitors.remove(visitor);
    }
}

const MOST_ANSWERS: usize = 100;

fn app() -> Router {
    let script = page("text/javascript", include_str!("streaming.js"));
    let style = page("text/css", include_str!("streaming.css"));
    Router::new()
        .route("/", page("text/html", include_str!("index.html")))
        .route("/streaming.css", style)
        .route("/streaming.js", script)
        .nest_service("/scripts", script::service())
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
