//! A server for the layered application: it accepts connections, times them and ends them.

mod accept;
mod activity;
mod application;
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
