//! Redis as a broker, and what speaks its protocol: Valkey, and a Redis Cluster.

mod backplane;
mod connect;
mod link;

pub use self::backplane::RedisBackplane;
