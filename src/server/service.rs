//! One connection's way into the application.

use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Extensions, Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tower::{Service, util::Oneshot};

use super::activity::{Activity, Work};
use crate::middleware::PeerAddr;

/// One connection's way into the application: it names the peer, and notes what is under way.
#[derive(Clone, Debug)]
pub(super) struct Noted<S> {
    app: S,
    peer: Option<SocketAddr>,
    activity: Arc<Activity>,
}

impl<S> Noted<S> {
    pub(super) fn new(app: S, peer: Option<SocketAddr>, activity: Arc<Activity>) -> Self {
        Self {
            app,
            peer,
            activity,
        }
    }
}

impl<S, RB> hyper::service::Service<Request<Incoming>> for Noted<S>
where
    S: Service<Request<Incoming>, Response = Response<RB>> + Clone,
{
    type Response = Response<NotedBody<RB>>;
    type Error = S::Error;
    type Future = NotedFuture<S>;

    fn call(&self, mut request: Request<Incoming>) -> NotedFuture<S> {
        if let Some(peer) = self.peer {
            name(request.extensions_mut(), peer);
        }
        NotedFuture {
            answer: Oneshot::new(self.app.clone(), request),
            work: Some(self.activity.begin()),
        }
    }
}

pin_project! {
    /// A request until its response begins.
    pub(super) struct NotedFuture<S: Service<Request<Incoming>>> {
        #[pin]
        answer: Oneshot<S, Request<Incoming>>,
        work: Option<Work>,
    }
}

impl<S, RB> Future for NotedFuture<S>
where
    S: Service<Request<Incoming>, Response = Response<RB>>,
{
    type Output = Result<Response<NotedBody<RB>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.answer.poll(cx))?;
        let work = this.work.take();
        Poll::Ready(Ok(response.map(|body| NotedBody { body, work })))
    }
}

pin_project! {
    /// A response's body until the server has taken all of it.
    pub(super) struct NotedBody<RB> {
        #[pin]
        body: RB,
        work: Option<Work>,
    }
}

impl<RB: Body> Body for NotedBody<RB> {
    type Data = RB::Data;
    type Error = RB::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<RB::Data>, RB::Error>>> {
        self.project().body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Names the peer to the layer, and to handlers that ask axum for it.
fn name(extensions: &mut Extensions, peer: SocketAddr) {
    #[cfg(feature = "axum")]
    extensions.insert(axum::extract::ConnectInfo(peer));
    extensions.insert(PeerAddr(peer));
}
