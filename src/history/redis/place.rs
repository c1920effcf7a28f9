//! The address of a Redis server, and the name of this process there.

use super::scripts::Keys;
use crate::{backplane::remote::Addresses, tls::Trust};

/// A server, or several of a cluster.
#[derive(Clone)]
pub(super) struct RedisServer {
    pub(super) addresses: Addresses,
    pub(super) database: i64,
    pub(super) keys: Keys,
    pub(super) trust: Trust,
    pub(super) trusts_restarts: bool,
    /// Random: what this process is called in a stream.
    pub(super) publisher: String,
}
