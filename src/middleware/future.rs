//! The response future of the layered service and the control service.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower::{Service, util::Oneshot};

use super::body::RequestBody;

pin_project! {
    /// The response of [`WebConnectionSocket`](super::WebConnectionSocket): the inner service's, or
    /// one of the layer's own. Only the latter is boxed.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::ResponseFuture;
    ///
    /// fn is_a_future<S, B, RB>(future: ResponseFuture<S, B>)
    /// where
    ///     S: tower::Service<http::Request<web_connection_socket::RequestBody<B>>, Response = http::Response<RB>>,
    /// {
    ///     let _: &dyn Future<Output = Result<http::Response<RB>, S::Error>> = &future;
    /// }
    /// ```
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<RequestBody<B>>>,
    {
        #[pin]
        kind: Kind<S, B>,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind<S, B>
    where
        S: Service<Request<RequestBody<B>>>,
    {
        Inner { #[pin] oneshot: Oneshot<S, Request<RequestBody<B>>> },
        Own { answer: Answer<S::Response, S::Error> },
    }
}

pub(super) type Answer<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<RequestBody<B>>>,
{
    /// Waits until this clone of the inner service is ready, then calls it.
    pub(super) fn inner(service: S, request: Request<RequestBody<B>>) -> Self {
        let oneshot = Oneshot::new(service, request);
        Self {
            kind: Kind::Inner { oneshot },
        }
    }

    /// Answers in place of the inner service.
    pub(super) fn own(
        answer: impl Future<Output = Result<S::Response, S::Error>> + Send + 'static,
    ) -> Self {
        let answer = Box::pin(answer);
        Self {
            kind: Kind::Own { answer },
        }
    }
}

impl<S, B, RB> Future for ResponseFuture<S, B>
where
    S: Service<Request<RequestBody<B>>, Response = Response<RB>>,
{
    type Output = Result<Response<RB>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().kind.project() {
            KindProjection::Inner { oneshot } => oneshot.poll(cx),
            KindProjection::Own { answer } => answer.as_mut().poll(cx),
        }
    }
}
