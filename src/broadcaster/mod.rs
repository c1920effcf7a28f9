//! The outside sender: messages for the sockets of a server, from any other program.

mod answer;
mod endpoint;
mod error;
#[cfg(not(feature = "client-tls"))]
mod plain;
#[cfg(feature = "client-tls")]
mod root_certificates;
mod sender;
#[cfg(feature = "client-tls")]
mod tls;

pub use self::error::{BroadcastError, BroadcastErrorKind};
pub use self::sender::Broadcaster;

#[cfg(not(feature = "client-tls"))]
use self::plain as transport;
#[cfg(feature = "client-tls")]
use self::tls as transport;
