//! Private messages between signed-in users.
//!
//! `cargo run --example login`, then open the printed address in two browsers and sign in as two.
//!
//! The session layer is outside of the sockets' layer: it inserts the visitor's session into the
//! request that opens a socket, where `identify` finds it. Signing out closes that session's sockets.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use anyhow::Context;
use axum::{
    Form, Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use clap::Parser;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tower::ServiceBuilder;
use tower_http::csrf::CsrfLayer;
use tower_sessions::{MemoryStore, Session, SessionManagerLayer, session};
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use web_connection_socket::{
    CloseReason, Config, Handshake, Hub, Identity, Rejection, Server, Socket, SocketError,
    SocketMessage, WebConnectionSocketLayer, script,
};

/// Private messages over WebSockets.
#[derive(Parser)]
struct Options {
    /// Port to listen on, at 127.0.0.1 only; 0 takes any free one.
    #[arg(long, default_value_t = 5200)]
    port: u16,
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
    let sockets = WebConnectionSocketLayer::new(Config::new())
        .identify(identify)
        .on_action("private", send_privately);
    let hub = sockets.hub();
    let app = Router::new()
        .route("/", get(page))
        .route(
            "/login.js",
            get(([(CONTENT_TYPE, "text/javascript")], PAGE_SCRIPT)),
        )
        .route("/login", post(sign_in))
        .route("/logout", post(sign_out))
        .nest_service("/scripts", script::service())
        .with_state(hub.clone());
    // Behind TLS keep the default, a cookie for HTTPS only.
    let sessions = SessionManagerLayer::new(MemoryStore::default()).with_secure(false);
    let service = ServiceBuilder::new()
        .layer(CsrfLayer::new())
        .layer(sessions)
        .layer(sockets)
        .service(app);

    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen at {address}"))?;
    println!(
        "Open http://{}/ in two browsers; Ctrl+C ends the server.",
        listener.local_addr()?
    );
    Server::new(listener, &hub).serve(service).await?;
    Ok(())
}

/// Lets in visitors that have signed in, as the user that the session names.
async fn identify(visitor: Handshake) -> Result<Identity, Rejection> {
    let Some(session) = visitor.extensions().get::<Session>() else {
        let refusal = Rejection::new(StatusCode::INTERNAL_SERVER_ERROR);
        return Err(refusal.detail("The session layer has to stand outside of the sockets'."));
    };
    match session.get::<SignedIn>(SIGNED_IN).await {
        Ok(Some(SignedIn { user, device })) => Ok(Identity::user(user).group(group_of(device))),
        Ok(None) => Err(Rejection::new(StatusCode::UNAUTHORIZED).detail("Sign in first.")),
        Err(error) => {
            eprintln!("A session could not be read: {error}");
            Err(Rejection::new(StatusCode::SERVICE_UNAVAILABLE))
        }
    }
}

/// The group of a session's sockets. Its name is not the session's id, which is a secret: messages show
/// the groups of their senders.
fn group_of(device: u64) -> String {
    format!("session:{device}")
}

/// Sends a message to the users that it names, and to the other pages of its author.
///
/// It is a new message, and its author is the user of the session.
async fn send_privately(socket: Socket) -> Result<(), SocketError> {
    let written = socket.message();
    let author = socket.user().id().clone();
    let mut message = SocketMessage::new("private")
        .text(&written.message)
        .from_user(author.clone())
        .to_user(author);
    for recipient in &written.recipients {
        message = message.to_user(recipient.value.as_str());
    }
    socket.broadcast(&message);
    Ok(())
}

async fn page(session: Session) -> Result<Html<String>, Failure> {
    let page = match session.get::<SignedIn>(SIGNED_IN).await? {
        // A name is one of ours: there is no markup in it.
        Some(SignedIn { user, .. }) => include_str!("home.html").replace("{user}", &user),
        None => include_str!("login.html").to_owned(),
    };
    Ok(Html(page))
}

#[derive(Deserialize)]
struct Credentials {
    user: String,
    password: String,
}

async fn sign_in(session: Session, Form(given): Form<Credentials>) -> Result<Response, Failure> {
    if !ACCOUNTS.contains(&(&given.user, &given.password)) {
        return Ok((StatusCode::UNAUTHORIZED, "There is no such account.").into_response());
    }
    // A new id, so that knowing the old one is of no use.
    session.cycle_id().await?;
    let signed_in = SignedIn {
        user: given.user,
        device: NEXT_DEVICE.fetch_add(1, Relaxed),
    };
    session.insert(SIGNED_IN, signed_in).await?;
    Ok(Redirect::to("/").into_response())
}

/// Ends the session, so that no socket opens with it any more, then closes its sockets. The user's
/// other devices stay signed in.
async fn sign_out(State(hub): State<Arc<Hub>>, session: Session) -> Result<Redirect, Failure> {
    let signed_in = session.remove::<SignedIn>(SIGNED_IN).await?;
    session.flush().await?;
    if let Some(SignedIn { device, .. }) = signed_in {
        hub.close_group(&group_of(device), &CloseReason::new(4001, "signed out"));
    }
    Ok(Redirect::to("/"))
}

/// A session that cannot be read or written.
struct Failure(session::Error);

impl From<session::Error> for Failure {
    fn from(error: session::Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        eprintln!("A session could not be kept: {}", self.0);
        StatusCode::SERVICE_UNAVAILABLE.into_response()
    }
}

/// The data of a session.
#[derive(Deserialize, Serialize)]
struct SignedIn {
    user: String,
    /// A user may have several sessions.
    device: u64,
}

/// The key of that data.
const SIGNED_IN: &str = "signed in";

static NEXT_DEVICE: AtomicU64 = AtomicU64::new(1);

/// A real application stores hashes.
const ACCOUNTS: [(&str, &str); 3] = [("ann", "apple"), ("bob", "berry"), ("cat", "cherry")];

const PAGE_SCRIPT: &str = include_str!("login.js");
