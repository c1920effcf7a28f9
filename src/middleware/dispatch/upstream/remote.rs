//! An upstream in the place of the inner service.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;

use super::{event::Event, failure::Failure, line::SocketLine, options::Upstream, target::Target};
use crate::{
    hub::{Key, Lane},
    middleware::{
        dispatch::limits::Job,
        handshake::Handshake,
        rejection::Rejection,
        remote::{Line, Remote, RemoteFuture},
        socket::Socket,
        source::Connection,
        state::State,
    },
    protocol::{ErrorCode, ErrorFrame, RejectionKind},
};

/// An upstream as the layer knows it.
pub(in crate::middleware) struct Shared(Arc<Target>);

impl Shared {
    pub(in crate::middleware) fn new(state: Arc<State>, upstream: Upstream) -> Self {
        Self(Target::new(state, upstream))
    }
}

impl Remote for Shared {
    fn check_room(&self) -> Result<(), Rejection> {
        if !self.0.is_overdue() {
            return Ok(());
        }
        let frame = ErrorFrame::new(
            ErrorCode::Unavailable,
            "The application has not been told of too many sockets that ended. Try again in a moment.",
        );
        Err(Rejection::from(frame).with_kind(RejectionKind::UpstreamUnavailable))
    }

    fn line(&self, connection: Arc<Connection>) -> Arc<dyn Line> {
        Arc::new(SocketLine::new(self.0.clone(), connection))
    }

    fn post(&self, socket: Socket, caller: Handshake) -> RemoteFuture<Response<Bytes>> {
        let target = self.0.clone();
        Box::pin(async move {
            let job = Job {
                lane: Lane::Messages,
                key: Key::Callers,
                bytes: socket.text().len(),
                sender: None,
            };
            let event = Event::new(socket, job, |_| true).posted_by(caller);
            let answer = target.deliver(event).await;
            answer.map_err(Failure::into_rejection)
        })
    }
}
