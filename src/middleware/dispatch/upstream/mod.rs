//! The application as a server of its own: messages and events of sockets become its HTTP requests.

mod body;
mod client;
mod connect;
mod error;
mod options;
mod sign;
mod url;

pub use self::{
    body::UpstreamBody,
    error::{NotSent, UpstreamError, UpstreamErrorKind},
    options::Upstream,
};
