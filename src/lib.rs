//! Gives any axum, hyper or tower application WebSockets while it stays an ordinary
//! request/response HTTP application.

#[cfg(feature = "axum")]
pub mod axum;
pub mod config;
mod hub;
mod middleware;
mod protocol;
pub mod script;
mod session;
#[cfg(feature = "testing")]
pub mod testing;

pub use self::{
    config::Config,
    hub::{
        Broadcast, CloseReason, Hub, ParseCloseReasonError, Shutdown, SocketError, SocketErrorKind,
        Stats, User,
    },
    middleware::{
        ControlService, HandlerOutput, Handshake, Identity, PeerAddr, Refusal, Rejection,
        RejectionKind, RequestBody, ResponseFuture, Socket, SocketEvent, WebConnectionSocket,
        WebConnectionSocketLayer,
    },
    protocol::{
        ConnectionId, DefaultAudience, ErrorCode, GroupId, MessageError, MessageErrorKind,
        ParseConnectionIdError, Recipient, RecipientType, SocketMessage, UserId,
    },
};
