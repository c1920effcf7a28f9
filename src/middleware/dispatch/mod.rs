//! The way of a socket's message into the application, and of the application's answer back.

mod application;
mod destination;
mod dispatcher;
mod error;
mod http;
mod limits;
mod message_id;
mod outcome;
mod relay;
mod renewal;
mod response;
#[cfg(feature = "upstream")]
mod upstream;

#[cfg(feature = "upstream")]
pub(super) use self::upstream::UpstreamRemote;
#[cfg(feature = "upstream")]
pub use self::upstream::{NotSent, Upstream, UpstreamBody, UpstreamError, UpstreamErrorKind};
pub(super) use self::{
    application::{Application, InnerService},
    dispatcher::Dispatcher,
    error::run_handler,
    http::{check_reached, request},
    limits::{Job, run},
    outcome::count,
    response::gives_orders,
};
