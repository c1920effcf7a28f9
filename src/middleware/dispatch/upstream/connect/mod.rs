//! How connections to an upstream open: over TCP, with TLS or without, or over a Unix socket.

#[cfg(not(unix))]
mod no_unix;
#[cfg(not(feature = "client-tls"))]
mod plain;
mod timed;
#[cfg(feature = "client-tls")]
mod tls;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
pub(super) use self::no_unix::unix;
#[cfg(not(feature = "client-tls"))]
pub(super) use self::plain::Trust;
pub(super) use self::timed::{Connect, Timed, tcp};
#[cfg(feature = "client-tls")]
pub(super) use self::tls::Trust;
#[cfg(unix)]
pub(super) use self::unix::unix;
