//! Between HTTP and the sockets: the layer, its service and the way of a message through them.

mod accept;
mod access;
mod body;
mod control;
mod cors;
mod dispatch;
mod event;
mod future;
mod handshake;
mod hooks;
mod layer;
mod lifecycle;
mod log;
mod raw;
mod rejection;
mod replies;
mod request;
mod reserved;
mod route;
mod sender;
mod service;
mod shared;
mod socket;
mod source;
mod target;
mod upgrade;

pub use self::{
    body::RequestBody,
    control::ControlService,
    event::SocketEvent,
    future::ResponseFuture,
    handshake::Handshake,
    hooks::HandlerOutput,
    layer::WebConnectionSocketLayer,
    rejection::Rejection,
    request::{ClientAddr, PeerAddr},
    service::WebConnectionSocket,
    socket::Socket,
};
