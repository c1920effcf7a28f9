use std::{collections::HashMap, fmt, future::Future, pin::Pin, sync::Arc};

use super::{handshake::Handshake, rejection::Rejection, route::Predicate, socket::Socket};
use crate::{hub::Identity, protocol::RawMessage};

/// What an application gave the layer beside its configuration.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) upgrade_if: Option<Arc<Predicate>>,
    pub(crate) caller_if: Option<Arc<Predicate>>,
    pub(crate) identify: Option<Hook<Handshake, Result<Identity, Rejection>>>,
    pub(crate) expiry: Option<Hook<Socket, Result<Identity, Rejection>>>,
    pub(crate) connect: Option<Hook<Socket, Result<(), Rejection>>>,
    pub(crate) open: Option<Hook<Socket, Result<(), HandlerError>>>,
    pub(crate) disconnect: Option<Hook<Socket, Result<(), HandlerError>>>,
    pub(crate) actions: HashMap<Box<str>, Hook<Socket, Result<(), HandlerError>>>,
    pub(crate) otherwise: Fallback,
    pub(crate) raw: Option<Hook<(Socket, RawMessage), Result<(), HandlerError>>>,
}

/// Where a message goes that no `on_action` takes.
#[derive(Clone, Default)]
pub(crate) enum Fallback {
    #[default]
    InnerService,
    Handler(Hook<Socket, Result<(), HandlerError>>),
    Relay,
}

/// An async function of the application's.
pub(crate) type Hook<A, T> = Arc<dyn Fn(A) -> HookFuture<T> + Send + Sync>;

pub(crate) type HookFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The function runs when its future is polled, so that a panic in it is caught with the future's.
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

pub(crate) fn handler<A, F, Fut>(function: F) -> Hook<A, Result<(), HandlerError>>
where
    A: Send + 'static,
    F: Fn(A) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: HandlerOutput> + Send + 'static,
{
    let function = Arc::new(function);
    Arc::new(move |argument| {
        let function = function.clone();
        Box::pin(async move { function(argument).await.into_result().map_err(HandlerError) })
    })
}

/// What a handler's error says of itself. It is logged and never sent.
#[derive(Debug)]
pub(crate) struct HandlerError(String);

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a message handler may return: nothing, or a `Result` whose error can be displayed.
///
/// An error costs that one message: the sender gets an error frame without the error's text, which
/// is logged, and the socket lives.
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
///         socket.broadcast(&SocketMessage::new("heard").text(&socket.message().message));
///     });
/// ```
pub trait HandlerOutput: Send {
    /// What happened, with the error's text for the log.
    ///
    /// # Errors
    ///
    /// If the handler failed.
    fn into_result(self) -> Result<(), String>;
}

impl HandlerOutput for () {
    fn into_result(self) -> Result<(), String> {
        Ok(())
    }
}

impl<E: fmt::Display + Send> HandlerOutput for Result<(), E> {
    fn into_result(self) -> Result<(), String> {
        self.map_err(|error| error.to_string())
    }
}
