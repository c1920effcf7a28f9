//! JetStream, the store of NATS servers.

mod api;
mod connect;
mod heard;
mod highest;
mod history;
mod link;
mod message;
mod pending;
mod place;
mod reading;
mod server;

pub use self::history::JetStreamHistory;
