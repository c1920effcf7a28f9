//! NATS as a broker.

mod backplane;
mod connect;
mod link;
mod session;

pub use self::backplane::NatsBackplane;
