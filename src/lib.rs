//! Adds WebSockets to request/response applications in axum, hyper or any other tower service.
//!
//! A tower layer holds the WebSocket connections. A message from a browser reaches the application as a
//! `POST`. The application, or another trusted program, broadcasts to browsers with a call in Rust or
//! with a `POST`. The protocol is that of West Wind Web Connection.
//!
//! ```text
//! browser ─ ws ─▶ WebConnectionSocketLayer ─ POST /__WebSocket.wwd ─▶ application
//!    ▲                  │  Hub                                            │
//!    └───── frames ─────┘◀────── POST /__broadcastWebSocket.wc ───────────┘
//!                           (or hub.broadcast in Rust)    scripts, cron jobs, …
//! ```
//!
//! **Without an [`identify`](WebConnectionSocketLayer::identify) hook, user and group ids are claims of
//! the client.** Send nothing private without one.
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
//! [`Server`] serves applications with layers outside of this one. Without axum, or without a route,
//! set handlers with [`WebConnectionSocketLayer::on_web_socket`] and
//! [`on_action`](WebConnectionSocketLayer::on_action). A hyper service must be generic over its body,
//! `async fn app<B: Body>(request: Request<B>)`, because it receives a [`RequestBody`].
//!
//! Sockets open over HTTP/1.1 and, by the extended `CONNECT` of RFC 8441, as streams of an HTTP/2
//! connection. [`Server`] and axum's own server offer both; a hyper server does after
//! `enable_connect_protocol()`.
//!
//! # Guide
//!
//! | page | about |
//! |---|---|
//! | [`guide::access`] | which pages and programs may open sockets and broadcast |
//! | [`guide::messages`] | the life of a message, its errors and limits; a list of users online |
//! | [`guide::identity`] | verified users, groups, signing out |
//! | [`guide::presence`] | who is in a group: for pages, for the application, for other programs |
//! | [`guide::browser`] | the browser client, with Vite and React |
//! | [`guide::history`] | what a client gets that reconnects; pages that load their state first |
//! | [`guide::hosts`] | axum, hyper and other hosts; other layers on either side |
//! | [`guide::gateway`] | sockets for a site in PHP, Python, Node or FoxPro |
//! | [`guide::testing`] | tests without a port |
//! | [`guide::engine`] | how the fan-out works |
//! | [`guide::scaling`] | many nodes over Redis or NATS: what holds, load balancers, failures, costs |
//! | [`guide::promises`] | what holds under load and failure, and how it is tested |
//! | [`guide::web_connection`] | moving a site from Web Connection |
//!
//! [`Config`] lists every option with its default, [`script`] the source of the browser client.
//!
//! # Features
//!
//! None is on by default.
//!
//! - `server`: [`serve`] and [`Server`], for any tower service.
//! - `axum`: `server`, and the [`Socket`] extractor.
//! - `client`: [`Broadcaster`], for other programs; `client-tls`: the same over HTTPS.
//! - `nats`, `redis`: [`backplane::NatsBackplane`] and [`backplane::RedisBackplane`], which connect the
//!   nodes of an application, and [`history::JetStreamHistory`] and [`history::RedisHistory`], which keep
//!   what their clients missed; over TLS where their URLs say so.
//! - `settings`: [`Config::with_settings_folder`] and [`Config::with_settings_file`], for the settings
//!   files of Web Connection.
//! - `upstream`: [`Upstream`], for applications in other languages behind a server of their own; over
//!   HTTPS with `client-tls`.
//! - `testing`: the module [`testing`].
//!
//! # Module map
//!
//! For readers of the source. An upgrade, a frame from a socket and a broadcast take these ways:
//!
//! ```text
//! upgrade ─▶ middleware: route ─▶ handshake ─▶ access (host, origin) ─▶ limits ─▶ identify
//!            ─▶ limit per user ─▶ hub: register ─▶ on_connect ─▶ hub: activate ─▶ 101
//!            ─▶ handover of the connection ─▶ session, one task per socket
//! frame   ─▶ session ─▶ frame (decode) ─▶ MessageHandler ─▶ middleware: dispatch
//!            ─▶ hub: turns ─▶ inner service, upstream, handler or relay
//! publish ─▶ middleware: route ─▶ access ─▶ hub (─▶ history: its place, if its stream is kept)
//!            ├─ to all:  frame (encode) ─┬─▶ the log: attached sockets ───────────┐
//!            │                           └─▶ queue of each detached socket ───────┤
//!            └─ to some: registry ─▶ frame (encode) ─▶ queue of each socket ──────┤
//!                            here the broadcast is accepted and its report known  │
//!         flushers, by SharedTransport, or the socket's own task, by Transport ◀──┘
//!
//!            then, with a backplane: hub: cluster ─▶ broker ─▶ cluster of each other node ─▶ its sockets
//! ```
//!
//! Attached sockets take broadcasts to all from one log. When the stream of one takes no more,
//! the socket is detached: what it lacks of the log moves into its own queue, where broadcasts reach it
//! from then on, and its own task writes. When that queue is empty, the socket is attached again. Only
//! sockets over plain TCP are attached; those over TLS and HTTP/2 always have their own task write.
//!
//! | module | contents | may import |
//! |---|---|---|
//! | `protocol` | messages, recipients, audience, ids, streams and positions, close reasons: pure data, without async or HTTP | – |
//! | [`script`] | the browser client's source and the service that serves it | – |
//! | `sync` | the locks and counters that the hub's threads share | – |
//! | `unwind` | how far a panic of the application or the host goes | – |
//! | `streams` | [`StreamExecutor`] and [`PacedStream`], shared by HTTP servers and sockets | – |
//! | `tls` | which certificate authorities a client of this crate trusts, behind features | – |
//! | `frame` | RFC 6455: headers, decoding and encoding of frames, pure | `protocol` |
//! | [`config`] | every option with its default; the environment, and settings files behind a feature | `protocol` |
//! | [`backplane`] | what carries messages between nodes: the trait of a broker, and brokers | `sync`, `tls` |
//! | [`history`] | what numbers and keeps the messages of streams: the trait of a store, and stores | `sync`, `backplane` |
//! | [`Broadcaster`] | the sender for other programs, behind a feature | `protocol`, `tls` |
//! | `hub` | which sockets are connected (`registry`) and with which identity (`identity`), how a broadcast reaches them (`delivery`) and the other nodes (`cluster`), what is kept of streams (`history`) for sockets that resume (`resuming`) and the application (`recall`), who is in a group (`presence`), turns with the application (`turns`), shutdown, statistics | `protocol`, `frame`, `config`, `sync`, `unwind`, `backplane`, `history` |
//! | `session` | one task per socket over any byte stream: reading, heartbeat, rates, expiry, closing | `hub`, `frame`, `config`, `protocol`, `streams`, `unwind` |
//! | `middleware` | the tower layer: what is known of a request, access, handshake, upgrade, dispatch, rejections | `session`, `hub`, `frame`, `config`, `protocol`, `streams`, `unwind`, `tls` |
//! | [`Server`] | accepts connections, times them and ends them, behind a feature | `middleware`, `hub`, `streams` |
//! | `extract`, [`testing`] | adapters behind features | `middleware`, `hub`, `protocol`, `streams` |
//!
//! Imports point downwards only, and never in a ring; `tests/it/architecture` holds both. Three traits
//! turn the direction where control goes up: `MessageHandler` is defined in `session` and implemented in
//! `middleware::dispatch`; `Transport` and `SharedTransport` are defined in `hub` and implemented in
//! `session`. A socket is active before its 101 leaves, so a client that has seen the 101 misses no
//! broadcast.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod backplane;
#[cfg(feature = "client")]
mod broadcaster;
pub mod config;
#[cfg(feature = "axum")]
mod extract;
mod frame;
#[cfg(doc)]
pub mod guide;
pub mod history;
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
#[cfg(any(feature = "client-tls", feature = "nats", feature = "redis"))]
mod tls;
mod unwind;

#[cfg(feature = "client")]
pub use self::broadcaster::{BroadcastError, BroadcastErrorKind, Broadcaster};
pub use self::{
    config::Config,
    hub::{
        Cluster, ClusterAnswer, ClusterEvent, ClusterStats, GarbageKind, HistoryMessage,
        HistoryPage, HistoryQuery, HistoryQueryError, HistoryQueryErrorKind, HistoryStats, Hub,
        Identity, NodeId, Presence, PresenceCause, PresenceChange, PresenceMember, PresenceStats,
        ShutdownReport, SocketError, SocketErrorKind, Stats, User,
    },
    middleware::{
        ClientAddr, ControlService, HandlerOutput, Handshake, PeerAddr, Rejection, RequestBody,
        ResponseFuture, Socket, SocketEvent, WebConnectionSocket, WebConnectionSocketLayer,
    },
    protocol::{
        BroadcastReport, CloseReason, ConnectionId, DefaultAudience, ErrorCode, Forwarded, GroupId,
        MessageError, MessageErrorKind, NotForwarded, ParseCloseReasonError,
        ParseConnectionIdError, ParsePositionError, Position, RawMessage, Recipient, RecipientType,
        RejectionKind, SocketMessage, StreamName, UserId,
    },
    streams::{PacedStream, StreamExecutor},
};

#[cfg(feature = "upstream")]
pub use self::middleware::{NotSent, Upstream, UpstreamBody, UpstreamError, UpstreamErrorKind};
#[cfg(feature = "server")]
pub use self::server::{Listener, Server, serve, serve_until};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
