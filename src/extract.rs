//! What axum handlers take from the layer, and the errors that they may return.

use axum::{
    body::Body,
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use http::request::Parts;

use crate::{
    hub::SocketError,
    middleware::{Rejection, Socket},
    protocol::MessageError,
};

/// Takes the socket out of a request that the layer dispatched. A request that came in any other
/// way is refused with 403: only the layer can make one that is taken.
impl<S: Sync> FromRequestParts<S> for Socket {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        Self::from_extensions(&parts.extensions)
    }
}

/// The refusal's status and problem text.
impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        Self::into_response::<Body>(self)
    }
}

/// Lets a handler use `?` on what it does for its sender: 409 with the reason as problem details if
/// there is no open socket or it is in too many groups, 503 if its queue is full, 500 if a posted
/// message got too many replies. A socket's sender gets an error frame with that status.
///
/// # Examples
///
/// ```
/// use web_connection_socket::{Socket, SocketError, SocketMessage};
///
/// async fn on_web_socket(socket: Socket) -> Result<(), SocketError> {
///     socket.join("lobby")?;
///     socket.reply(&SocketMessage::new("welcome"))
/// }
/// # let _: axum::routing::MethodRouter = axum::routing::post(on_web_socket);
/// ```
impl IntoResponse for SocketError {
    fn into_response(self) -> Response {
        IntoResponse::into_response(Rejection::from(self))
    }
}

/// Lets a handler use `?` on what it reads out of a message and makes of it: 422 if the content is
/// not what is asked for, 400 if it is not a message at all, 500 if one cannot be made.
///
/// # Examples
///
/// With errors of several kinds, `axum::response::Result` takes them all:
///
/// ```
/// use axum::response::Result;
/// use web_connection_socket::{Socket, SocketMessage};
///
/// async fn on_web_socket(socket: Socket) -> Result<()> {
///     let numbers: Vec<i64> = socket.message().parse_json()?;
///     let sum = numbers.iter().sum::<i64>();
///     socket.reply(&SocketMessage::new("sum").json(&sum)?)?;
///     Ok(())
/// }
/// # let _: axum::routing::MethodRouter = axum::routing::post(on_web_socket);
/// ```
impl IntoResponse for MessageError {
    fn into_response(self) -> Response {
        IntoResponse::into_response(Rejection::from(self))
    }
}
