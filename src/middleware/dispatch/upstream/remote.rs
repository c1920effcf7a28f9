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
pub(in crate::middleware) struct UpstreamRemote(Arc<Target>);

impl UpstreamRemote {
    pub(in crate::middleware) fn new(state: Arc<State>, upstream: Upstream) -> Self {
        Self(Target::new(state, upstream))
    }
}

impl Remote for UpstreamRemote {
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
                bytes: socket.message().encode().len(),
                sender: None,
            };
            let event = Event::new(socket, job, |_| true).posted_by(caller);
            let answer = target.deliver(event).await;
            answer.map_err(Failure::into_rejection)
        })
    }
}

#[cfg(test)]
mod tests {
    use http::{Request, StatusCode};

    use super::{super::target::MAX_OVERDUE, super::target::Overdue, *};
    use crate::{config::Config, hub::Hub, middleware::upgrade::probe};

    /// Until the application has heard of ten thousand sockets that ended, no further one opens.
    #[tokio::test]
    async fn too_many_untold_events_close_the_door() {
        let config = Config::new();
        let hub = Arc::new(Hub::new(&config));
        let mut state = State::new(config, hub);
        let upstream = Upstream::new("http://127.0.0.1:1").unwrap().unsigned();
        let shared = UpstreamRemote::new(Arc::new(state.clone()), upstream);
        let target = shared.0.clone();
        state.hooks.upstream = Some(Arc::new(shared));
        let opened = async |state: &State| {
            let request = Request::get("/").header("host", "localhost").body(());
            let (mut parts, ()) = request.unwrap().into_parts();
            probe::<Bytes>(state, &mut parts).await
        };

        let mut untold: Vec<_> = (0..MAX_OVERDUE).map(|_| Overdue::new(&target)).collect();
        let refused = opened(&state).await.unwrap_err();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.kind(), RejectionKind::UpstreamUnavailable);
        assert!(refused.is_temporary());
        untold.pop();
        assert!(opened(&state).await.is_ok());
    }
}
