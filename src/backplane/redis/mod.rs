//! Redis as a broker, and what speaks its protocol: Valkey, and a Redis Cluster.

mod backplane;
mod connect;
mod endpoints;
mod link;
mod session;

pub use self::backplane::RedisBackplane;
pub(crate) use self::{endpoints::RedisEndpoints, session::RedisDriver};
