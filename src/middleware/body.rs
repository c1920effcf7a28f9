//! The body of the requests that the inner service gets.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// The body of a request to the inner service: the client's own, or a message of a socket.
    ///
    /// Only hyper can create its `Incoming`, so the inner service takes `Request<RequestBody<B>>`
    /// instead. axum's `Router` does, and so does every service that is generic over its body. A
    /// service written for `Request<Incoming>` becomes `async fn app<B: Body>(request: Request<B>)`.
    ///
    /// # Examples
    ///
    /// ```
    /// use http::{Request, Response};
    /// use http_body::Body;
    /// use http_body_util::Full;
    /// use bytes::Bytes;
    /// use tower::{Layer, service_fn};
    /// use web_connection_socket::{Config, RequestBody, WebConnectionSocketLayer};
    ///
    /// async fn app<B: Body>(request: Request<B>) -> Result<Response<Full<Bytes>>, std::io::Error> {
    ///     Ok(Response::new(Full::from(request.uri().path().to_owned())))
    /// }
    /// let layer = WebConnectionSocketLayer::new(Config::new());
    /// let service = layer.layer(service_fn(app::<RequestBody<hyper::body::Incoming>>));
    /// ```
    ///
    /// A service that cannot be generic takes a boxed body instead of hyper's `Incoming`:
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http::{Request, Response};
    /// use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
    /// use hyper::body::Incoming;
    /// use tower::{Layer, service_fn, util::MapRequestLayer};
    /// use web_connection_socket::{Config, RequestBody, WebConnectionSocketLayer};
    ///
    /// type ErasedBody = UnsyncBoxBody<Bytes, hyper::Error>;
    ///
    /// async fn app(request: Request<ErasedBody>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    ///     let body = request.into_body().collect().await?;
    ///     Ok(Response::new(Full::from(body.to_bytes())))
    /// }
    /// let boxed = MapRequestLayer::new(|request: Request<RequestBody<Incoming>>| {
    ///     request.map(BodyExt::boxed_unsync)
    /// });
    /// let layer = WebConnectionSocketLayer::new(Config::new());
    /// let service = layer.layer(boxed.layer(service_fn(app)));
    /// ```
    #[derive(Debug)]
    pub struct RequestBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = KindProjection]
    enum Kind<B> {
        Client { #[pin] body: B },
        Message { json: Option<Bytes> },
    }
}

impl<B> RequestBody<B> {
    /// Returns a copy of a message of which nothing was read yet, or `None` for a client's own body,
    /// which streams.
    ///
    /// With it a retrying layer inside can send a message to the application again.
    ///
    /// # Examples
    ///
    /// ```
    /// use http::Request;
    /// use web_connection_socket::RequestBody;
    ///
    /// // For `tower::retry::Policy::clone_request`.
    /// fn again<B>(request: &Request<RequestBody<B>>) -> Option<Request<RequestBody<B>>> {
    ///     let mut again = Request::new(request.body().try_clone()?);
    ///     *again.method_mut() = request.method().clone();
    ///     *again.uri_mut() = request.uri().clone();
    ///     *again.headers_mut() = request.headers().clone();
    ///     *again.extensions_mut() = request.extensions().clone();
    ///     Some(again)
    /// }
    /// ```
    #[must_use]
    pub fn try_clone(&self) -> Option<Self> {
        match &self.kind {
            Kind::Message { json: Some(json) } => Some(Self::message(json.clone())),
            Kind::Message { json: None } | Kind::Client { .. } => None,
        }
    }

    pub(super) fn client(body: B) -> Self {
        let kind = Kind::Client { body };
        Self { kind }
    }

    pub(super) fn message(json: Bytes) -> Self {
        let kind = Kind::Message { json: Some(json) };
        Self { kind }
    }
}

impl<B: Body<Data = Bytes>> Body for RequestBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().kind.project() {
            KindProjection::Client { body } => body.poll_frame(cx),
            KindProjection::Message { json } => {
                Poll::Ready(json.take().map(|json| Ok(Frame::data(json))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Client { body } => body.is_end_stream(),
            Kind::Message { json } => json.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Client { body } => body.size_hint(),
            Kind::Message { json } => {
                SizeHint::with_exact(json.as_ref().map_or(0, Bytes::len) as u64)
            }
        }
    }
}
