//! The outside sender: messages for the sockets of a server, from any other program.

mod answer;
mod endpoint;
mod error;
#[cfg(feature = "client-tls")]
mod root_certificates;
mod sender;
mod transport;

pub use self::error::{BroadcastError, BroadcastErrorKind};
pub use self::sender::Broadcaster;
