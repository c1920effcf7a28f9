//! The address of a Redis server, and the name of this process there.

use super::scripts::Keys;
use crate::backplane::redis::RedisEndpoints;

/// A server, or several of a cluster.
#[derive(Clone, Debug)]
pub(super) struct RedisServer {
    pub(super) endpoints: RedisEndpoints,
    pub(super) database: i64,
    pub(super) keys: Keys,
    pub(super) trusts_restarts: bool,
    /// Random: what this process is called in a stream.
    pub(super) publisher: String,
}
