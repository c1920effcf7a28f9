//! Gives any axum, hyper or tower application WebSockets while it stays an ordinary
//! request/response HTTP application.
//!
//! A tower layer keeps the sockets. What a browser says reaches the application as a `POST`; what
//! the application, or any trusted program, wants to say to browsers it broadcasts, with a call in
//! Rust or with a `POST`. The protocol is that of West Wind Web Connection.
//!
//! ```text
//! browser ─ ws ─▶ WebConnectionSocketLayer ─ POST /__WebSocket.wwd ─▶ application
//!    ▲                  │  Hub                                            │
//!    └───── frames ─────┘◀────── POST /__broadcastWebSocket.wc ───────────┘
//!                           (or hub.broadcast in Rust)    scripts, cron jobs, …
//! ```
//!
//! **Without an [`identify`](WebConnectionSocketLayer::identify) hook, user and group ids are what
//! visitors say.** Send nothing private without one.
//!
//! # Examples
//!
//! An axum application, with the feature `axum`:
//!
//! ```no_run
//! use axum::{Router, routing::post};
//! use web_connection_socket::{Config, Socket, SocketMessage, WebConnectionSocketLayer};
//!
//! async fn on_web_socket(socket: Socket) {
//!     let shouted = socket.text().to_uppercase();
//!     socket.broadcast(&SocketMessage::new("shouted").text(shouted).to_group("chat"));
//! }
//!
//! # async fn run() -> std::io::Result<()> {
//! let layer = WebConnectionSocketLayer::new(Config::new().script_map("wwd"));
//! let hub = layer.hub(); // Arc<Hub>: broadcast from anywhere
//! let app = Router::new().route("/__WebSocket.wwd", post(on_web_socket));
//!
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:5200").await?;
//! web_connection_socket::serve(listener, layer, app).await
//! # }
//! ```
//!
//! Layers outside of this one: [`Server`]. Without a route, and without axum: [`WebConnectionSocketLayer::on_web_socket`] and
//! [`on_action`](WebConnectionSocketLayer::on_action). A hyper service has to be generic over its body,
//! `async fn app<B: Body>(request: Request<B>)`, because it gets a [`RequestBody`].
//!
//! Sockets open over HTTP/1.1 and, as streams of an HTTP/2 connection, by the extended `CONNECT` of
//! RFC 8441. [`Server`] offers both, as axum's does; a hyper server does after `enable_connect_protocol()`.
//!
//! # Where to read on
//!
//! [`guide::access`]: who may open sockets and broadcast. [`guide::messages`]: the life of a message,
//! its errors and limits; who is online. [`guide::identity`]: who is who. [`guide::hosts`]: axum,
//! hyper and other hosts, and what other layers do on either side. [`guide::browser`]: the browser
//! client, with Vite and React. [`guide::testing`]: tests without a port.
//! [`guide::engine`]: how the fan-out works. [`guide::promises`]: what holds on bad days.
//! [`guide::web_connection`]: moving a site from Web Connection. [`script`]: the client's source.
//! [`Config`] has every option with its default.
//!
//! # Features
//!
//! None is on by default.
//!
//! - `server`: [`serve`] and [`Server`], for any tower service.
//! - `axum`: the same, and the [`Socket`] extractor.
//! - `client`: [`Broadcaster`], the sender for other programs; `client-tls`: the same over HTTPS.
//! - `testing`: the module [`testing`].
//!
//! # Module map
//!
//! For who reads or changes the source. A message's way through the house:
//!
//! ```text
//! upgrade ─▶ middleware/route ─▶ handshake ─▶ upgrade (access, identify,
//!            hub.register, connect) ─▶ 101 ─▶ session, one task per socket
//! frame   ─▶ session ─▶ MessageHandler ─▶ middleware/dispatch
//!            ─▶ inner service | handler | relay
//! publish ─▶ middleware/route ─▶ post (access) ─▶ hub ─▶ registry (who)
//!            ─▶ outbox (queued: the report is known) ─▶ flusher ─▶ Transport ─▶ socket
//! ```
//!
//! | module | what it holds | may import |
//! |---|---|---|
//! | `protocol` | messages, recipients, audience, ids: pure data, no async, no HTTP | – |
//! | [`config`] | every option, origins, hosts, tokens (hashed), paths; settings files and the environment: plain data | `protocol` |
//! | [`script`] | the browser client's source and the service that serves it | – |
//! | [`Broadcaster`] | the outside sender, behind a feature | `protocol` |
//! | `sync` | the locks and counters that the hub shares between threads | – |
//! | `unwind` | how far a panic of the application or the host goes | – |
//! | `hub` | who is connected (`registry`) and with which identity (`principal`), what waits for each (`outbox`), who writes it (`flusher`), broadcast, close, whose turn it is with the application (`turns`), shutdown, statistics | `protocol`, `config`, `sync` |
//! | `streams` | what HTTP servers and sockets have to know alike of what carries them: [`StreamExecutor`], [`PacedStream`] | – |
//! | `session` | one task per socket over any byte stream: `wire` between bytes and messages, `heartbeat`, `life_sign`, `stall`, `http2` | `hub`, `protocol`, `config`, `streams`, `unwind` |
//! | `middleware` | the tower layer: `route`, `handshake`, `access`, `upgrade`, `dispatch`, `post`, `rejection` | `session`, `hub`, `protocol`, `config`, `streams`, `unwind` |
//! | [`Server`] | accepts, times and ends connections, behind a feature | `middleware`, `hub`, `streams` |
//! | `extract`, [`testing`] | adapters behind features | `middleware`, `hub`, `protocol`, `streams` |
//!
//! Imports point downwards only. Two traits turn them where control goes up: `MessageHandler` is defined in
//! `session` and implemented in `middleware::dispatch`; `Transport` is defined in `hub` and
//! implemented in `session`. A socket is registered before its 101 leaves, so that a client that has seen
//! the 101 misses no broadcast.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "client")]
mod broadcaster;
pub mod config;
#[cfg(feature = "axum")]
mod extract;
mod frame;
#[cfg(doc)]
pub mod guide;
mod hub;
mod middleware;
mod protocol;
pub mod script;
#[cfg(feature = "server")]
mod server;
mod session;
mod streams;
mod sync;
#[cfg(feature = "testing")]
pub mod testing;
mod unwind;

#[cfg(feature = "client")]
pub use self::broadcaster::{BroadcastError, BroadcastErrorKind, Broadcaster};
pub use self::{
    config::Config,
    hub::{Broadcast, Hub, Identity, ShutdownReport, SocketError, SocketErrorKind, Stats, User},
    middleware::{
        ClientAddr, ControlService, HandlerOutput, Handshake, PeerAddr, Rejection, RequestBody,
        ResponseFuture, Socket, SocketEvent, WebConnectionSocket, WebConnectionSocketLayer,
    },
    protocol::{
        BroadcastReport, CloseReason, ConnectionId, DefaultAudience, ErrorCode, GroupId,
        MessageError, MessageErrorKind, ParseCloseReasonError, ParseConnectionIdError, RawMessage,
        Recipient, RecipientType, RejectionKind, SocketMessage, UserId,
    },
    streams::{PacedStream, StreamExecutor},
};

#[cfg(feature = "server")]
pub use self::server::{Listener, Server, serve, serve_until};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
