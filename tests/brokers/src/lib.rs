//! Redis and NATS servers that a test or a benchmark starts, kills, freezes and configures.
//!
//! Each listens on a free port of the loopback interface and ends with its value. All calls block for
//! as long as the server takes.

mod nats;
mod port;
mod program;
mod redis;
mod sentinel;
mod wait;

pub use self::{nats::Nats, redis::Redis, sentinel::Sentinel};
