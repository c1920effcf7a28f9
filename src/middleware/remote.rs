//! What the layer asks of an application in another process: defined here, implemented by the upstream.

use std::{future::Future, pin::Pin, sync::Arc};

use bytes::Bytes;
use http::Response;
use tokio::sync::oneshot;

use super::{handshake::Handshake, rejection::Rejection, socket::Socket, source::Connection};
use crate::{hub::Key, session::HandlerFuture};

/// An application in another process.
pub(crate) trait Remote: Send + Sync {
    /// Checks that a further socket may open: its disconnect event must find room.
    fn check_room(&self) -> Result<(), Rejection>;

    /// Makes the line on which one socket's messages and events go.
    fn line(&self, connection: Arc<Connection>) -> Arc<dyn Line>;

    /// Hands over a message that a program posted, with the headers of its request, and returns the
    /// application's answer.
    fn post(&self, socket: Socket, caller: Handshake) -> RemoteFuture<Response<Bytes>>;
}

/// One socket's way to an application in another process.
pub(crate) trait Line: Send + Sync {
    /// Hands over a message, and tells its sender what came of it. `bytes` are kept meanwhile;
    /// `names_group`: the client named a group, and is in it.
    fn message(
        self: Arc<Self>,
        key: Key,
        socket: Socket,
        bytes: usize,
        names_group: bool,
    ) -> HandlerFuture;

    /// Asks whether the socket may open.
    fn connect(self: Arc<Self>, key: Key, socket: Socket) -> RemoteFuture<(), NotOpened>;

    /// Tells that the socket has ended, until the application has heard it. Says by `late` if that takes
    /// longer, and [`check_room`](Remote::check_room) bounds how many sockets it is so with.
    fn disconnect(
        self: Arc<Self>,
        key: Key,
        socket: Socket,
        late: oneshot::Sender<()>,
    ) -> HandlerFuture;
}

/// Why a socket does not open.
#[derive(Debug)]
pub(crate) struct NotOpened {
    pub(crate) rejection: Rejection,
    /// Whether the application may take it for open, and is to be told that it ended.
    pub(crate) is_doubtful: bool,
}

impl From<Rejection> for NotOpened {
    fn from(rejection: Rejection) -> Self {
        Self {
            rejection,
            is_doubtful: false,
        }
    }
}

/// Something asked of the application, which it may refuse.
pub(crate) type RemoteFuture<T, E = Rejection> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;
