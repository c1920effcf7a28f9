//! Between HTTP and the sockets: the layer, its service and the way of a message through them.

mod accept;
mod access;
mod alias;
mod body;
mod builder;
mod control;
mod cors;
mod dispatch;
mod dispatch_url;
mod enter;
mod future;
mod handshake;
mod hooks;
mod layer;
mod log;
mod members;
mod rejection;
mod remote;
mod replies;
mod request;
mod reserved;
mod route;
mod sender;
mod service;
mod socket;
mod source;
mod state;
mod upgrade;

#[cfg(feature = "upstream")]
pub use self::dispatch::{NotSent, Upstream, UpstreamBody, UpstreamError, UpstreamErrorKind};
pub use self::{
    body::RequestBody,
    control::ControlService,
    future::ResponseFuture,
    handshake::Handshake,
    hooks::HandlerOutput,
    layer::WebConnectionSocketLayer,
    rejection::Rejection,
    request::{ClientAddr, PeerAddr},
    service::WebConnectionSocket,
    socket::{Socket, SocketEvent},
};
