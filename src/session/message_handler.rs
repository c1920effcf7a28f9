use std::{future::Future, pin::Pin};

use crate::{
    hub::Principal,
    protocol::{CloseReason, RawMessage},
};

/// What becomes of the messages that a socket receives.
///
/// The session calls [`message`](Self::message) for one message at a time, in order, and drives the
/// future it gets before it hands over the next one.
///
/// A socket whose connection was lost before it could be used is only told of at its end.
pub(crate) trait MessageHandler: Send {
    /// Whether binary messages mean anything; where they do not, the first one closes the socket.
    fn takes_binary(&self) -> bool;

    /// The socket has opened; called once, first. Its messages wait until the work is done. `None`:
    /// there is none.
    fn opened(&mut self) -> Option<HandlerFuture>;

    /// Tells whether a message that would have to wait for its turn is a mere question whether the
    /// connection lives. It is cheap where it is not.
    fn is_ping(&self, message: &RawMessage) -> bool;

    /// Takes a message.
    fn message(&mut self, message: RawMessage) -> Taken;

    /// Its identity is about to end: asks the application for another, which has to be there by then.
    /// `None`: it is not to be asked.
    fn expiring(&mut self, principal: &Principal) -> Option<HandlerFuture>;

    /// The socket is gone; called once, last.
    fn disconnected(&mut self, end: Ending) -> Option<HandlerFuture>;
}

/// What becomes of a message that was handed over.
pub(crate) enum Taken {
    /// It is dealt with already.
    Done,
    /// It asks whether the connection lives: the session answers.
    Ping,
    /// The application has it in hand.
    Begun(HandlerFuture),
}

/// What the application does with one message or event. It reports failures itself.
pub(crate) type HandlerFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How a socket ended.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    pub(crate) reason: CloseReason,
    /// Messages that were queued for it and never wholly written.
    pub(crate) undelivered: u64,
}
