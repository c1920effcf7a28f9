//! One socket's way to an upstream.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use tokio::sync::oneshot;

use super::{event::Event, failure::Failure, socket_state::SocketState, target::Target};
use crate::{
    hub::{Backlog, Key, Lane},
    middleware::{
        dispatch::{
            http as dispatch,
            limits::Job,
            outcome::{count, send_error},
            response,
        },
        rejection::Rejection,
        remote::{Line, NotOpened, RemoteFuture},
        socket::Socket,
        source::Connection,
    },
    protocol::RejectionKind,
    session::HandlerFuture,
};

/// One socket's way to an upstream.
pub(super) struct SocketLine {
    target: Arc<Target>,
    socket: Arc<SocketState>,
}

impl SocketLine {
    pub(super) fn new(target: Arc<Target>, connection: Arc<Connection>) -> Self {
        let socket = Arc::new(SocketState::new(connection));
        Self { target, socket }
    }

    fn job(&self, key: Key, bytes: usize) -> Job {
        Job {
            lane: Lane::Messages,
            key,
            bytes,
            sender: Some(self.socket.connection.entry.clone()),
        }
    }

    fn follow(&self, socket: &Socket, answer: Response<Bytes>) -> Result<(), Failure> {
        let state = &self.target.state;
        count(state, dispatch::follow(state, socket, answer)).map_err(Failure::Dispatch)
    }

    /// Tells the sender, and closes the socket if the application wants that.
    fn settle(&self, failure: Failure) {
        let state = &self.target.state;
        let close = failure.close_reason();
        send_error(state, &self.socket.connection, &failure.into_frame());
        if let Some(reason) = close {
            let entry = &self.socket.connection.entry;
            state.hub.close_entry(entry, reason, Backlog::Deliver);
        }
    }
}

impl Line for SocketLine {
    fn message(
        self: Arc<Self>,
        key: Key,
        socket: Socket,
        bytes: usize,
        names_group: bool,
    ) -> HandlerFuture {
        Box::pin(async move {
            let job = self.job(key, bytes);
            let event = Event::new(socket.clone(), job, response::holds_messages)
                .of(self.socket.clone())
                .naming_group(names_group);
            let answer = self.target.deliver(event).await;
            if let Err(failure) = answer.and_then(|answer| self.follow(&socket, answer)) {
                self.settle(failure);
            }
        })
    }

    fn connect(self: Arc<Self>, key: Key, socket: Socket) -> RemoteFuture<(), NotOpened> {
        Box::pin(async move {
            // The client waits for the response, and can connect again.
            let job = Job {
                sender: None,
                ..self.job(key, 0)
            };
            let event = Event::new(socket.clone(), job, response::admits_or_refuses)
                .of(self.socket.clone());
            let answer = self.target.deliver(event).await;
            let answer = answer.map_err(Failure::into_refusal)?;
            let refused =
                |rejection: Rejection| rejection.with_kind(RejectionKind::ApplicationRefused);
            let outcome = dispatch::follow_connect(&self.target.state, &socket, answer);
            Ok(outcome.map_err(refused)?)
        })
    }

    fn disconnect(
        self: Arc<Self>,
        key: Key,
        socket: Socket,
        late: oneshot::Sender<()>,
    ) -> HandlerFuture {
        Box::pin(async move {
            let job = Job {
                lane: Lane::Events,
                ..self.job(key, 0)
            };
            let event = Event::new(socket, job, |_| false).of(self.socket.clone());
            self.target.tell(event, late).await;
        })
    }
}
