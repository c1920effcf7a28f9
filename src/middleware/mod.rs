//! Between HTTP and the sockets: the layer, its service and the way of a message through them.

mod accept;
mod access;
mod body;
mod client;
mod control;
mod cors;
mod dispatch;
mod encoding;
mod event;
mod future;
mod handshake;
mod hooks;
mod host;
mod identity;
mod layer;
mod lifecycle;
mod local;
mod log;
mod page;
mod peer;
mod post;
mod raw;
mod refusal;
mod rejection;
mod replies;
mod route;
mod server;
mod service;
mod shared;
mod socket;
mod source;
mod target;
mod tokens;
mod upgrade;

pub use self::{
    body::RequestBody,
    client::ClientAddr,
    control::ControlService,
    event::SocketEvent,
    future::ResponseFuture,
    handshake::Handshake,
    hooks::HandlerOutput,
    layer::WebConnectionSocketLayer,
    peer::PeerAddr,
    refusal::Refusal,
    rejection::{Rejection, RejectionKind},
    service::WebConnectionSocket,
    socket::Socket,
};
