use std::{future::Future, sync::Arc};

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
    state::Shared,
    upgrade,
};
use crate::{
    hub::{CloseReason, Frame, Registration},
    session,
};

impl<S: Clone> WebConnectionSocket<S> {
    /// Runs a socket over a stream on which the host has done the handshake itself, to its end.
    ///
    /// `parts` is the request that asked for the upgrade: its origin is checked, the `identify`
    /// hook asked, the connect event sent, as for every other socket; the handshake's own headers
    /// are the host's affair. `stream` begins with the first byte after the 101. `B` is the body
    /// type of the requests that the service otherwise gets.
    ///
    /// A stream that panics ends its socket as a lost connection does; that is logged and counted
    /// ([`Stats::panics`](crate::Stats::panics)), and the disconnect event comes.
    ///
    /// # Errors
    ///
    /// If the socket is refused. The 101 has left, so the peer sees a close with 1008, or with 1013 if
    /// it may come again, and the refusal's text.
    ///
    /// # Panics
    ///
    /// If the stream calls the hub while it is written or flushed, for example to broadcast what it
    /// logs: the socket's queue is locked then.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cuts the connection. What the socket had sent, and its disconnect event, are
    /// handled all the same, in a task of their own: drop it within the runtime. It borrows nothing of
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
        let shared = Arc::clone(self.shared());
        let application = self.application::<B, RB>();
        async move {
            match enter(&shared, parts, application).await {
                Ok((registration, dispatcher)) => {
                    let config = Arc::clone(&shared.config);
                    let inbound = Box::new(dispatcher);
                    Ok(session::run(stream, Bytes::new(), registration, config, inbound).await)
                }
                Err(rejection) => {
                    let reason =
                        CloseReason::refused(&rejection.to_string(), rejection.is_temporary());
                    let goodbye = Frame::close(&reason);
                    let sent = async {
                        stream.write_all(goodbye.as_bytes()).await?;
                        stream.shutdown().await
                    };
                    match timeout(shared.config.close_timeout, sent).await {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => {
                            tracing::debug!(%error, "a refused socket was gone before it was told");
                        }
                        Err(_elapsed) => {
                            tracing::debug!("a refused socket did not take the news");
                        }
                    }
                    Err(rejection)
                }
            }
        }
    }
}

/// The request goes with this call: what is kept of it is a compact copy.
async fn enter(
    shared: &Arc<Shared>,
    parts: Parts,
    application: Option<Arc<dyn Application>>,
) -> Result<(Registration, Dispatcher), Rejection> {
    let entered = upgrade::enter(shared, &parts, application).await;
    entered.inspect_err(|rejection| shared.note(&parts, rejection))
}
