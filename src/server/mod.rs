//! A server for the layered application: it accepts, times and ends connections.

mod activity;
mod connection;
mod listener;
mod serve;
mod service;
mod signal;

pub use self::{
    listener::Listener,
    serve::{Server, serve, serve_until},
};
