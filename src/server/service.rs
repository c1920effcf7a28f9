//! The service of one connection: it names the peer and notes what is under way.

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

/// The application, as one connection calls it.
#[derive(Clone, Debug)]
pub(super) struct ConnectionService<S> {
    app: S,
    peer: Option<SocketAddr>,
    activity: Arc<Activity>,
}

impl<S> ConnectionService<S> {
    pub(super) fn new(app: S, peer: Option<SocketAddr>, activity: Arc<Activity>) -> Self {
        Self {
            app,
            peer,
            activity,
        }
    }
}

impl<S, RB> hyper::service::Service<Request<Incoming>> for ConnectionService<S>
where
    S: Service<Request<Incoming>, Response = Response<RB>> + Clone,
{
    type Response = Response<TrackedBody<RB>>;
    type Error = S::Error;
    type Future = TrackedFuture<S>;

    fn call(&self, mut request: Request<Incoming>) -> TrackedFuture<S> {
        if let Some(peer) = self.peer {
            insert_peer(request.extensions_mut(), peer);
        }
        TrackedFuture {
            response: Oneshot::new(self.app.clone(), request),
            work: Some(self.activity.begin()),
        }
    }
}

pin_project! {
    /// A request until its response begins.
    pub(super) struct TrackedFuture<S: Service<Request<Incoming>>> {
        #[pin]
        response: Oneshot<S, Request<Incoming>>,
        work: Option<Work>,
    }
}

impl<S, RB> Future for TrackedFuture<S>
where
    S: Service<Request<Incoming>, Response = Response<RB>>,
{
    type Output = Result<Response<TrackedBody<RB>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.response.poll(cx))?;
        let work = this.work.take();
        Poll::Ready(Ok(response.map(|body| TrackedBody { body, work })))
    }
}

pin_project! {
    /// A response's body until the server has read all of it.
    pub(super) struct TrackedBody<RB> {
        #[pin]
        body: RB,
        work: Option<Work>,
    }
}

impl<RB: Body> Body for TrackedBody<RB> {
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

/// Tells the layer the peer, and handlers that ask axum for it.
fn insert_peer(extensions: &mut Extensions, peer: SocketAddr) {
    #[cfg(feature = "axum")]
    extensions.insert(axum::extract::ConnectInfo(peer));
    extensions.insert(PeerAddr(peer));
}
