//! What an application gives the layer beside its configuration, and what a handler may return.

use std::{collections::HashMap, fmt, future::Future, pin::Pin, sync::Arc};

use self::sealed::Outcome;
use super::{
    handshake::Handshake, rejection::Rejection, remote::Remote, route::Predicate, socket::Socket,
};
use crate::{hub::Identity, protocol::RawMessage};

/// What a message handler may return: nothing, or a `Result` whose error can be displayed.
///
/// An error costs that one message: it is logged, the sender gets an error frame without the error's
/// text, and the socket stays open. The trait is sealed; map other outputs to one of these.
///
/// # Examples
///
/// ```
/// use web_connection_socket::{Config, Socket, SocketMessage, WebConnectionSocketLayer};
///
/// let layer = WebConnectionSocketLayer::new(Config::new())
///     .on_action("ping", |socket: Socket| async move {
///         let pong = socket.create_message().text("pong");
///         socket.reply(&pong)
///     })
///     .on_web_socket(|socket: Socket| async move {
///         socket.broadcast(&SocketMessage::new("heard").text(socket.text()));
///     });
/// ```
pub trait HandlerOutput: Send + Outcome {}

impl HandlerOutput for () {}

impl<E: fmt::Display + Send + 'static> HandlerOutput for Result<(), E> {}

mod sealed {
    use std::fmt::Display;

    /// Tells success from failure.
    #[expect(unnameable_types, reason = "it seals the trait above")]
    pub trait Outcome {
        fn into_result(self) -> Result<(), Box<dyn Display + Send>>;
    }
}

impl Outcome for () {
    fn into_result(self) -> Result<(), Box<dyn fmt::Display + Send>> {
        Ok(())
    }
}

impl<E: fmt::Display + Send + 'static> Outcome for Result<(), E> {
    fn into_result(self) -> Result<(), Box<dyn fmt::Display + Send>> {
        self.map_err(|error| Box::new(error) as _)
    }
}

/// The error of a handler. It is logged and never sent.
pub(crate) struct HandlerError(Box<dyn fmt::Display + Send>);

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// All hooks of a layer.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) upgrade_if: Option<Arc<Predicate>>,
    pub(crate) caller_if: Option<Arc<Predicate>>,
    pub(crate) identify: Option<Hook<Handshake, Result<Identity, Rejection>>>,
    pub(crate) expiry: Option<Hook<Socket, Result<Identity, Rejection>>>,
    pub(crate) connect: Option<Hook<Socket, Result<(), Rejection>>>,
    pub(crate) open: Option<Handler<Socket>>,
    pub(crate) disconnect: Option<Handler<Socket>>,
    pub(crate) actions: HashMap<Box<str>, Destination>,
    pub(crate) fallback: Destination,
    pub(crate) raw: Option<Handler<(Socket, RawMessage)>>,
    /// Takes the place of the inner service.
    pub(crate) upstream: Option<Arc<dyn Remote>>,
}

/// Where a message goes.
#[derive(Clone, Default)]
pub(crate) enum Destination {
    #[default]
    InnerService,
    Handler(Handler<Socket>),
    Relay,
}

/// An async function of the application's.
pub(crate) type Hook<A, T> = Arc<dyn Fn(A) -> HookFuture<T> + Send + Sync>;

/// An async function of the application's that may fail.
pub(crate) type Handler<A> = Hook<A, Result<(), HandlerError>>;

pub(crate) type HookFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl Hooks {
    /// Returns whether messages go to the inner service.
    pub(crate) fn need_inner_service(&self) -> bool {
        matches!(self.fallback, Destination::InnerService) && self.upstream.is_none()
    }

    /// Returns whether a hook that runs after the upgrade can look at the request that asked for it.
    pub(crate) fn need_handshake(&self) -> bool {
        !matches!(self.fallback, Destination::Relay)
            || !self.actions.is_empty()
            || self.raw.is_some()
            || self.expiry.is_some()
            || self.connect.is_some()
            || self.open.is_some()
            || self.disconnect.is_some()
    }
}

/// Makes a hook of a function. The function runs when its future is polled, so that its panics are
/// caught with the future's.
pub(crate) fn hook<A, F, Fut>(function: F) -> Hook<A, Fut::Output>
where
    A: Send + 'static,
    F: Fn(A) -> Fut + Send + Sync + 'static,
    Fut: Future + Send + 'static,
{
    let function = Arc::new(function);
    Arc::new(move |argument| {
        let function = function.clone();
        Box::pin(async move { function(argument).await })
    })
}

/// Makes a handler of a function, like [`hook`].
pub(crate) fn handler<A, F, Fut>(function: F) -> Handler<A>
where
    A: Send + 'static,
    F: Fn(A) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: HandlerOutput> + Send + 'static,
{
    let function = Arc::new(function);
    Arc::new(move |argument| {
        let function = function.clone();
        Box::pin(async move {
            let outcome = function(argument).await.into_result();
            outcome.map_err(HandlerError)
        })
    })
}
