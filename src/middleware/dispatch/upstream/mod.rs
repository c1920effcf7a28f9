//! The application as a server of its own: messages and events of sockets become its HTTP requests.

mod body;
mod client;
mod connect;
mod delivery;
mod error;
mod event;
mod exchange;
mod failure;
mod headers;
mod hold;
mod later;
mod line;
mod options;
mod remote;
#[cfg(feature = "client-tls")]
mod root_certificates;
mod sign;
mod socket_state;
mod target;
mod url;

pub(in crate::middleware) use self::remote::UpstreamRemote;
pub use self::{
    body::UpstreamBody,
    error::{NotSent, UpstreamError, UpstreamErrorKind},
    options::Upstream,
};
