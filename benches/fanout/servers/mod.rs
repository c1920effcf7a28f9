//! The servers that are compared. Each prints its port and ends with its standard input.

mod axum_ws;
mod echo;
mod host;
mod hub;
mod limit;
mod rooms;
mod serve;
mod socket_io;

pub(crate) use self::serve::serve;
