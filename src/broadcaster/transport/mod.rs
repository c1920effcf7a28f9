//! How a broadcast reaches the server: with TLS, or without.

#[cfg(not(feature = "client-tls"))]
mod plain;
#[cfg(feature = "client-tls")]
mod tls;

#[cfg(not(feature = "client-tls"))]
pub(super) use self::plain::{Connector, Trust};
#[cfg(feature = "client-tls")]
pub(super) use self::tls::{Connector, Trust};
