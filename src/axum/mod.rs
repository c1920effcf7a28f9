//! For axum applications: the [`Socket`](crate::Socket) extractor, and [`serve`] (feature `axum`).
//!
//! # Examples
//!
//! ```no_run
//! use axum::{Router, routing::post};
//! use web_connection_socket::{Config, Socket, WebConnectionSocketLayer};
//!
//! async fn on_web_socket(socket: Socket) {
//!     socket.broadcast(&socket.create_message().text("Somebody said something."));
//! }
//!
//! # async fn run() -> std::io::Result<()> {
//! let layer = WebConnectionSocketLayer::new(Config::new());
//! let app = Router::new().route("/__WebSocket.wwd", post(on_web_socket));
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:5200").await?;
//! web_connection_socket::axum::serve(listener, layer, app).await
//! # }
//! ```

mod extract;
mod serve;

pub use self::serve::{serve, serve_until};
