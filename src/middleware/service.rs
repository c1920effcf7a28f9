//! The service that the layer makes: it decides for each request what answers it.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::upgrade::OnUpgrade;
use tower::{BoxError, Service};

use super::{
    body::RequestBody,
    cors::{Reader, let_read},
    dispatch::{Application, InnerService},
    future::ResponseFuture,
    members::members,
    reserved,
    route::Route,
    state::{State, Surface},
    upgrade,
};

/// The service that [`WebConnectionSocketLayer`](super::WebConnectionSocketLayer) wraps around yours.
///
/// It is always ready. For each request that goes to your service it waits until the clone that it
/// calls is ready, so a handler that posts to `__broadcastWebSocket.wc` under a concurrency limit does
/// not wait for itself.
///
/// # Examples
///
/// ```
/// use axum::Router;
/// use tower::Layer;
/// use web_connection_socket::{Config, WebConnectionSocket, WebConnectionSocketLayer};
///
/// let service: WebConnectionSocket<Router> =
///     WebConnectionSocketLayer::new(Config::new()).layer(Router::new());
/// ```
#[derive(Clone)]
pub struct WebConnectionSocket<S> {
    inner: S,
    state: Arc<State>,
}

impl<S: Clone> WebConnectionSocket<S> {
    pub(super) fn new(inner: S, state: Arc<State>) -> Self {
        Self { inner, state }
    }

    pub(super) fn state(&self) -> &Arc<State> {
        &self.state
    }

    /// Returns the way of a socket's messages into the inner service, if any message goes there.
    pub(super) fn application<B, RB>(&self) -> Option<Arc<dyn Application>>
    where
        S: Service<Request<RequestBody<B>>, Response = Response<RB>> + Send + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        B: Send + 'static,
        RB: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        self.state
            .needs_inner_service()
            .then(|| Arc::new(InnerService::new(self.inner.clone())) as _)
    }
}

impl<S, B, RB> Service<Request<B>> for WebConnectionSocket<S>
where
    S: Service<Request<RequestBody<B>>, Response = Response<RB>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    RB: Body<Data: Send, Error: Into<BoxError>> + From<Bytes> + Send + 'static,
{
    type Response = Response<RB>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture<S, B> {
        let (mut parts, body) = request.into_parts();
        let state = self.state.clone();
        match state.route(&parts) {
            Route::Inner => {
                if let Err(rejection) = state.guard(&mut parts) {
                    return ResponseFuture::own(async move { Ok(state.refuse(&parts, rejection)) });
                }
                let request = Request::from_parts(parts, RequestBody::client(body));
                ResponseFuture::inner(self.inner.clone(), request)
            }
            Route::Broadcast => {
                ResponseFuture::own(reserved::broadcast(state, Surface::Public, parts, body))
            }
            Route::WebSocket => {
                let inner = self.inner.clone();
                let answer = reserved::web_socket(state, Surface::Public, parts, body, inner);
                ResponseFuture::own(answer)
            }
            Route::Presence => {
                let answer = members(&state, Surface::Public, &parts);
                ResponseFuture::own(async move { Ok(answer) })
            }
            Route::Probe => ResponseFuture::own(async move {
                let reader = Reader::find(&state.config, &parts);
                let answer = upgrade::probe(&state, &mut parts).await;
                let mut answer = answer.unwrap_or_else(|rejection| state.refuse(&parts, rejection));
                let_read(answer.headers_mut(), reader);
                Ok(answer)
            }),
            Route::Upgrade => {
                let on_upgrade = parts.extensions.remove::<OnUpgrade>();
                let application = self.application::<B, RB>();
                ResponseFuture::own(async move {
                    let answer = upgrade::upgrade(&state, &parts, on_upgrade, application).await;
                    Ok(answer.unwrap_or_else(|rejection| {
                        upgrade::end_connection(parts.version, state.refuse(&parts, rejection))
                    }))
                })
            }
        }
    }
}

impl<S> fmt::Debug for WebConnectionSocket<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebConnectionSocket")
            .finish_non_exhaustive()
    }
}
