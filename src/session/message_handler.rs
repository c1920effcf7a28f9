//! What a session asks of the application: defined here, implemented by the middleware.

use std::{future::Future, pin::Pin};

use tokio::sync::oneshot;

use crate::{
    hub::Principal,
    protocol::{CloseReason, RawMessage},
};

/// Handles the messages and events of one socket.
///
/// The session calls [`message`](Self::message) for one message at a time, in order, and drives the
/// returned future before it hands over the next one.
///
/// For a socket whose connection was lost before it could be used, only
/// [`disconnected`](Self::disconnected) is called.
pub(crate) trait MessageHandler: Send {
    /// Returns whether binary messages are handled. Otherwise the first one closes the socket.
    fn takes_binary(&self) -> bool;

    /// Called once, first, when the socket has opened. Its messages wait for the returned work, if there
    /// is any.
    fn opened(&mut self) -> Option<HandlerFuture>;

    /// Returns whether a message only asks if the connection lives, and so need not wait for its turn.
    /// Cheap for all other messages.
    fn is_ping(&self, message: &RawMessage) -> bool;

    /// Handles a message.
    fn message(&mut self, message: RawMessage) -> Taken;

    /// Asks the application to renew an identity before it ends. `None` if the application is not asked.
    fn expiring(&mut self, principal: &Principal) -> Option<HandlerFuture>;

    /// Called once, last, when the socket is gone. Work that counts itself while it takes long says so by
    /// `late`, and the socket gives its place free.
    fn disconnected(&mut self, end: Ending, late: oneshot::Sender<()>) -> Option<HandlerFuture>;
}

/// How a message was taken.
pub(crate) enum Taken {
    /// It is done.
    Done,
    /// It asks if the connection lives. The session answers.
    Ping,
    /// The application handles it, for as long as this future runs.
    Begun(HandlerFuture),
}

/// The application's work on one message or event. It reports failures itself.
pub(crate) type HandlerFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How a socket ended.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    pub(crate) reason: CloseReason,
    /// The number of messages that were queued for it and never wholly written.
    pub(crate) undelivered: u64,
}
