//! NATS as a broker.

mod backplane;
mod client;
mod connect;
mod endpoints;
mod link;
mod session;

pub use self::backplane::NatsBackplane;
pub(crate) use self::endpoints::NatsEndpoints;
