//! Sockets over streams on which the host did the handshake itself.

use std::{future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, request::Parts};
use http_body::Body;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    time::timeout,
};
use tower::{BoxError, Service};

use super::{
    body::RequestBody,
    dispatch::{Application, Dispatcher},
    rejection::Rejection,
    service::WebConnectionSocket,
    state::State,
    upgrade,
};
use crate::{frame::Frame, hub::Registration, protocol::CloseReason, session};

impl<S: Clone> WebConnectionSocket<S> {
    /// Runs a socket, to its end, over a stream on which the host did the handshake itself.
    ///
    /// `parts` is the upgrade request. As for every other socket, its origin is checked, the
    /// `identify` hook is called and the connect event is sent; the host checks the headers of the
    /// handshake. `stream` begins with the first byte after the 101. `B` is the body type of the
    /// service's other requests.
    ///
    /// A stream that panics ends its socket like a lost connection. The panic is logged and counted
    /// ([`Stats::panics`](crate::Stats::panics)), and the disconnect event is sent.
    ///
    /// # Errors
    ///
    /// If the socket is refused. As the 101 has left already, the client receives a close frame with the
    /// text of the refusal, and with 1008, or 1013 if it may try again.
    ///
    /// # Panics
    ///
    /// If the stream calls the hub while it is written or flushed, for example to broadcast what it
    /// logs: the socket's queue is locked then.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cuts the connection. A task of its own still handles what the socket had
    /// sent, and its disconnect event, so drop the future within the runtime. It borrows nothing from
    /// the service.
    ///
    /// # Examples
    ///
    /// ```
    /// use axum::{Router, body::Body};
    /// use http::request::Parts;
    /// use tokio::io::{AsyncRead, AsyncWrite};
    /// use web_connection_socket::{CloseReason, Rejection, WebConnectionSocket};
    ///
    /// async fn opened<IO>(
    ///     service: WebConnectionSocket<Router>,
    ///     parts: Parts,
    ///     stream: IO,
    /// ) -> Result<CloseReason, Rejection>
    /// where
    ///     IO: AsyncRead + AsyncWrite + Send + Unpin,
    /// {
    ///     service.accept::<Body, _, _>(parts, stream).await
    /// }
    /// ```
    pub fn accept<B, RB, IO>(
        &self,
        parts: Parts,
        mut stream: IO,
    ) -> impl Future<Output = Result<CloseReason, Rejection>> + use<S, B, RB, IO>
    where
        S: Service<Request<RequestBody<B>>, Response = Response<RB>> + Send + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        B: Send + 'static,
        RB: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let state = Arc::clone(self.state());
        let application = self.application::<B, RB>();
        async move {
            match enter(&state, parts, application).await {
                Ok((registration, dispatcher)) => {
                    let config = Arc::clone(&state.config);
                    let handler = Box::new(dispatcher);
                    Ok(session::run(stream, Bytes::new(), registration, config, handler).await)
                }
                Err(rejection) => {
                    say_goodbye(&mut stream, &rejection, state.config.close_timeout).await;
                    Err(rejection)
                }
            }
        }
    }
}

/// Closes a stream whose socket was refused.
async fn say_goodbye<IO>(stream: &mut IO, rejection: &Rejection, limit: Duration)
where
    IO: AsyncWrite + Unpin,
{
    let reason = CloseReason::refused(&rejection.to_string(), rejection.is_temporary());
    let goodbye = Frame::close(&reason);
    let sent = async {
        stream.write_all(goodbye.as_bytes()).await?;
        stream.shutdown().await
    };
    match timeout(limit, sent).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::debug!(%error, "a refused client was gone before its close frame was sent");
        }
        Err(_elapsed) => tracing::debug!("a refused client did not take its close frame"),
    }
}

/// Admits and registers a socket. The request ends with this call: what is kept of it is a compact
/// copy.
async fn enter(
    state: &Arc<State>,
    parts: Parts,
    application: Option<Arc<dyn Application>>,
) -> Result<(Registration, Dispatcher), Rejection> {
    let entered = upgrade::admit(state, &parts, application).await;
    entered.inspect_err(|rejection| state.note(&parts, rejection))
}
