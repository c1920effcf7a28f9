//! Redis as a store, and what speaks its protocol: Valkey, and a Redis Cluster.

mod connect;
mod history;
mod link;
mod place;
mod scripts;
mod server;

pub use self::history::RedisHistory;
