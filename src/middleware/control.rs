//! The control service: the reserved URLs alone.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower::{BoxError, Service};

use super::{
    body::RequestBody,
    future::ResponseFuture,
    members::members,
    rejection::Cause,
    reserved,
    route::Route,
    state::{State, Surface},
};

/// A service of the reserved URLs alone, for a private port or a Unix socket.
///
/// It answers every other URL with 404. [`WebConnectionSocketLayer::control_service`] creates it.
///
/// [`WebConnectionSocketLayer::control_service`]: super::WebConnectionSocketLayer::control_service
///
/// # Examples
///
/// ```no_run
/// use axum::Router;
/// use tower::Layer;
/// use web_connection_socket::{Config, Server, WebConnectionSocketLayer};
///
/// # async fn run() -> std::io::Result<()> {
/// let layer = WebConnectionSocketLayer::new(Config::new().control_service_only(true));
/// let hub = layer.hub();
/// let router = Router::new();
/// let control = layer.control_service(router.clone());
/// let public = layer.layer(router);
///
/// let private_port = tokio::net::TcpListener::bind("127.0.0.1:5201").await?;
/// let public_port = tokio::net::TcpListener::bind("0.0.0.0:5200").await?;
/// let (control, public) = tokio::join!(
///     Server::new(private_port, &hub).serve(control),
///     Server::new(public_port, &hub).serve(public),
/// );
/// control.and(public)
/// # }
/// ```
#[derive(Clone)]
pub struct ControlService<S> {
    inner: S,
    state: Arc<State>,
}

impl<S> ControlService<S> {
    pub(super) fn new(inner: S, state: Arc<State>) -> Self {
        Self { inner, state }
    }
}

impl<S, B, RB> Service<Request<B>> for ControlService<S>
where
    S: Service<Request<RequestBody<B>>, Response = Response<RB>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    RB: Body + From<Bytes> + Send + 'static,
{
    type Response = Response<RB>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture<S, B> {
        let (parts, body) = request.into_parts();
        let state = self.state.clone();
        match state.route(&parts) {
            Route::Broadcast => {
                ResponseFuture::own(reserved::broadcast(state, Surface::Control, parts, body))
            }
            Route::WebSocket => {
                let inner = self.inner.clone();
                let answer = reserved::web_socket(state, Surface::Control, parts, body, inner);
                ResponseFuture::own(answer)
            }
            Route::Presence => {
                let answer = members(&state, Surface::Control, &parts);
                ResponseFuture::own(async move { Ok(answer) })
            }
            Route::Upgrade | Route::Probe | Route::Inner => {
                ResponseFuture::own(async move { Ok(state.refuse(&parts, Cause::NotFound.into())) })
            }
        }
    }
}

impl<S> fmt::Debug for ControlService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControlService").finish_non_exhaustive()
    }
}
