//! The client: all sockets and the publisher, in one thread.

mod connect;
mod exercise;
mod fan_out;
mod handshake;
mod inbound;
mod progress;
mod publisher;
mod receiver;
mod socket_io;
mod steps;

pub(crate) use self::steps::run;
