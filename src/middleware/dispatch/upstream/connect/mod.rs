//! How connections to an upstream open: over TCP, with TLS or without, or over a Unix socket.

#[cfg(not(unix))]
mod no_unix;
mod tcp;
mod timed;
mod trust;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
pub(super) use self::no_unix::unix;
#[cfg(unix)]
pub(super) use self::unix::unix;
pub(super) use self::{
    tcp::tcp,
    timed::{Connect, Timed},
    trust::Trust,
};
