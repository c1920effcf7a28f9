//! A server for the layered application: it accepts, times and ends connections.

mod activity;
mod connection;
mod listener;
mod options;
mod serve;
mod service;
mod signal;

pub use self::{
    listener::Listener,
    options::Server,
    serve::{serve, serve_until},
};
