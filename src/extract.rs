//! What axum handlers extract from the layer's requests, and the errors that they may return.

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

/// Takes the socket out of a request that the layer dispatched. Any other request is refused with 403:
/// no client can forge a dispatched one.
impl<S: Sync> FromRequestParts<S> for Socket {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        Self::from_extensions(&parts.extensions)
    }
}

/// Responds with the status and the problem details.
impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        Self::into_response::<Body>(self)
    }
}

/// Lets a handler use `?` on what it does with its socket.
///
/// The status is 409 if the socket is not open or is in too many groups, 400 if a name is too long,
/// 503 if the socket's queue is full, and 500 if a posted message got too many replies; the problem
/// details say why. The sender of a socket's message gets an error frame with that status.
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

/// Lets a handler use `?` on reading and making messages.
///
/// The status is 422 if the content of a message is not what the handler reads, 400 if the text is not
/// a message at all, and 500 if a message could not be made.
///
/// # Examples
///
/// `axum::response::Result` takes errors of several types:
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
