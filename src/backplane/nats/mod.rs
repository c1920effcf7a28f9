//! NATS as a broker.

mod backplane;
mod client;
mod connect;
mod link;
mod session;

pub use self::backplane::NatsBackplane;
pub(crate) use self::client::open;
