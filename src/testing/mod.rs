//! A server and a client in memory, for tests of an application with sockets (feature `testing`).
//!
//! They need no port and work with tokio's paused clock.
//!
//! # Examples
//!
//! ```
//! use axum::Router;
//! use tower::Layer;
//! use web_connection_socket::{Config, Socket, SocketMessage, WebConnectionSocketLayer, testing::Server};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let layer = WebConnectionSocketLayer::new(Config::new())
//!     .on_web_socket(|socket: Socket| async move { socket.reply(socket.message()) });
//! let server = Server::new(layer.layer(Router::new()));
//!
//! let mut ann = server.connect("/?userId=ann").await?;
//! ann.send(&SocketMessage::new("echo").text("hello")).await?;
//! assert_eq!(ann.receive().await?.message, "hello");
//! # Ok(())
//! # }
//! ```

mod client;
mod error;
mod http1;
mod http2;
mod received;
mod server;

pub use self::{client::Client, error::Error, server::Server};
