//! An application, our layer and another one, with a counter on each side of ours.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
};

use axum::{
    Extension, Router,
    body::Body,
    extract::Request as AnyRequest,
    response::Response,
    routing::{any, post},
};
use bytes::Bytes;
use http::Request;
use http_body::Frame;
use hyper::body::Incoming;
use tower::{BoxError, Layer, Service, ServiceExt, retry::Policy, util::BoxCloneSyncService};
use web_connection_socket::{
    Hub, RequestBody, Socket, WebConnectionSocket, WebConnectionSocketLayer,
    testing::{Client, Server},
};

use crate::support::{http::WEB_SOCKET, soon};

/// The whole of it, of whatever type it was.
pub(super) type Whole = BoxCloneSyncService<Request<Body>, Response, BoxError>;

pub(super) struct Stack {
    pub(super) service: Whole,
    pub(super) server: Server,
    pub(super) hub: Arc<Hub>,
    outer: Counter,
    inner: Counter,
}

impl Stack {
    /// The other layer around ours.
    pub(super) fn outside<L, RB>(other: L) -> Self
    where
        L: Layer<WebConnectionSocket<Counted<Careful>>>,
        L::Service: Service<Request<Body>, Response = http::Response<RB>, Error: Into<BoxError>>
            + Clone
            + Send
            + Sync
            + 'static,
        <L::Service as Service<Request<Body>>>::Future: Send,
        RB: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let inner = Counter::default();
        let app = inner.count(Careful::new(application()));
        let layer = layer();
        Self::new(other.layer(layer.layer(app)), &layer, inner)
    }

    /// Ours around the other layer, of whose answers only the body's type is changed.
    pub(super) fn inside<L, RB>(other: L) -> Self
    where
        L: Layer<Careful>,
        L::Service: Service<
                Request<RequestBody<Body>>,
                Response = http::Response<RB>,
                Error: Into<BoxError>,
            > + Clone
            + Send
            + Sync
            + 'static,
        <L::Service as Service<Request<RequestBody<Body>>>>::Future: Send,
        RB: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        Self::with_app(&layer(), other.layer(Careful::new(application())))
    }

    /// Our layer around an application.
    pub(super) fn with_app<S, RB>(layer: &WebConnectionSocketLayer, app: S) -> Self
    where
        S: Service<
                Request<RequestBody<Body>>,
                Response = http::Response<RB>,
                Error: Into<BoxError>,
            > + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send,
        RB: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let inner = Counter::default();
        let app = inner.count(app.map_response(|response| response.map(Body::new)));
        Self::new(layer.layer(app), layer, inner)
    }

    fn new<S, RB>(service: S, layer: &WebConnectionSocketLayer, inner: Counter) -> Self
    where
        S: Service<Request<Body>, Response = http::Response<RB>, Error: Into<BoxError>>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send,
        RB: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let outer = Counter::default();
        let service = outer.count(Extension(Tenant("north")).layer(service));
        let service = service
            .map_response(|response| response.map(Body::new))
            .map_err(Into::into);
        let service = Whole::new(service);
        let over_a_pipe = |request: Request<Incoming>| request.map(Body::new);
        Self {
            server: Server::new(service.clone().map_request(over_a_pipe)),
            service,
            hub: layer.hub(),
            outer,
            inner,
        }
    }

    /// The same, with every request over HTTP/2.
    pub(super) fn over_http2(mut self) -> Self {
        self.server = self.server.http2();
        self
    }

    pub(super) async fn join(&self, user: &str) -> Client {
        let path = format!("/__initializeSocket.wc?userId={user}");
        let client = soon("a socket", self.server.connect(&path)).await;
        client.expect("an open socket")
    }

    /// How many requests passed outside of our layer, and how many inside.
    pub(super) fn passes(&self) -> (usize, usize) {
        (self.outer.0.load(SeqCst), self.inner.0.load(SeqCst))
    }
}

/// What a layer outside found out about a visitor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tenant(pub(super) &'static str);

fn layer() -> WebConnectionSocketLayer {
    WebConnectionSocketLayer::new(crate::support::config())
}

fn application() -> Router {
    Router::new().route(WEB_SOCKET, post(on_web_socket)).route(
        "/echo",
        any(async |request: AnyRequest| Response::new(request.into_body())),
    )
}

/// Broadcasts what the message says, and the tenant that the layer outside named.
async fn on_web_socket(socket: Socket, Extension(of_request): Extension<Tenant>) {
    let handshake = socket.handshake().expect("a message of a socket");
    let Tenant(tenant) = handshake
        .extensions()
        .get()
        .expect("what is outside put in");
    assert_eq!(*tenant, of_request.0);
    let text = format!("{} in the {tenant}", socket.message().message);
    socket.broadcast(&socket.create_message().text(text));
}

#[derive(Clone, Default)]
struct Counter(Arc<AtomicUsize>);

impl Counter {
    fn count<S>(&self, inner: S) -> Counted<S> {
        let counter = self.clone();
        Counted { inner, counter }
    }
}

/// Counts the requests on their way.
#[derive(Clone)]
pub(super) struct Counted<S> {
    inner: S,
    counter: Counter,
}

impl<S: Service<R>, R> Service<R> for Counted<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.counter.0.fetch_add(1, SeqCst);
        self.inner.call(request)
    }
}

/// An application each of whose clones has to be asked whether it is ready, before every call.
pub(super) struct Careful {
    app: Router,
    is_ready: bool,
}

impl Careful {
    pub(super) fn new(app: Router) -> Self {
        let is_ready = false;
        Self { app, is_ready }
    }
}

impl Clone for Careful {
    fn clone(&self) -> Self {
        Self::new(self.app.clone())
    }
}

impl<B> Service<Request<B>> for Careful
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = <Router as Service<Request<B>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.is_ready = true;
        Service::<Request<B>>::poll_ready(&mut self.app, cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        assert!(std::mem::take(&mut self.is_ready), "it was not asked");
        self.app.call(request)
    }
}

/// Repeats what ended with a server's error, if it can be repeated.
#[derive(Clone)]
pub(super) struct Repeat(pub(super) usize);

impl<B, RB, E> Policy<Request<RequestBody<B>>, http::Response<RB>, E> for Repeat {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        _: &mut Request<RequestBody<B>>,
        result: &mut Result<http::Response<RB>, E>,
    ) -> Option<Ready<()>> {
        let failed = matches!(result, Ok(response) if response.status().is_server_error());
        self.0 = self.0.checked_sub(1).filter(|_| failed)?;
        Some(ready(()))
    }

    fn clone_request(
        &mut self,
        request: &Request<RequestBody<B>>,
    ) -> Option<Request<RequestBody<B>>> {
        let mut again = Request::new(request.body().try_clone()?);
        *again.method_mut() = request.method().clone();
        *again.uri_mut() = request.uri().clone();
        *again.headers_mut() = request.headers().clone();
        *again.extensions_mut() = request.extensions().clone();
        Some(again)
    }
}

/// Outside there are streams only, which cannot be sent twice.
impl<RB, E> Policy<Request<Body>, http::Response<RB>, E> for Repeat {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        _: &mut Request<Body>,
        _: &mut Result<http::Response<RB>, E>,
    ) -> Option<Ready<()>> {
        None
    }

    fn clone_request(&mut self, _: &Request<Body>) -> Option<Request<Body>> {
        None
    }
}

/// A body of frames that cannot fail.
pub(super) fn body_of<S>(frames: S) -> Body
where
    S: futures_util::Stream<Item = Frame<Bytes>> + Send + 'static,
{
    use futures_util::StreamExt;

    Body::new(http_body_util::StreamBody::new(
        frames.map(Ok::<_, Infallible>),
    ))
}
