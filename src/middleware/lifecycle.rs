//! A socket's life as the application follows it: before it opens, once it has, after it ended.

use std::future::Future;

use super::{
    hooks::{HandlerOutput, handler, hook},
    layer::WebConnectionSocketLayer,
    rejection::Rejection,
    socket::Socket,
};

impl WebConnectionSocketLayer {
    /// Calls a function before each socket opens; a refusal is the answer to the upgrade.
    ///
    /// Joins, and replies, which are the first the client hears, take effect when the socket opens.
    ///
    /// # Examples
    ///
    /// ```
    /// use http::StatusCode;
    /// use web_connection_socket::{Config, Rejection, Socket, SocketMessage, WebConnectionSocketLayer};
    ///
    /// let layer = WebConnectionSocketLayer::new(Config::new()).on_connect(|socket: Socket| async move {
    ///     socket.join("lobby").map_err(|_| Rejection::new(StatusCode::CONFLICT))?;
    ///     let welcome = SocketMessage::new("welcome");
    ///     socket.reply(&welcome).map_err(|_| Rejection::new(StatusCode::CONFLICT))
    /// });
    /// ```
    #[must_use]
    pub fn on_connect<F, Fut>(mut self, function: F) -> Self
    where
        F: Fn(Socket) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Rejection>> + Send + 'static,
    {
        self.hooks_mut().connect = Some(hook(function));
        self
    }

    /// Calls a function when a socket has opened, before its first message.
    ///
    /// The socket is counted and addressed by now: replies and broadcasts reach it, and what is
    /// broadcast from here on finds the sockets that opened before. It is the place to say hello, to
    /// join groups and to note who is there; the [guide](crate::guide::messages#who-is-online) has the
    /// recipe.
    ///
    /// The function is called once for every socket that opened, in the order `on_open`, messages,
    /// `on_disconnect`. What the socket sends meanwhile waits for its turn as it does behind a message
    /// in hand. A visitor that leaves during the handshake never opens a socket, and a shutdown may cut
    /// one off first: then only `on_disconnect` is called. The inner service is not told: there is no
    /// request with `WebSocket-Event: open`.
    ///
    /// An error, a panic, or more time than
    /// [`Config::dispatch_timeout`](crate::Config::dispatch_timeout) costs what the function would have
    /// done and nothing else: it is logged and counted
    /// ([`Stats::dispatches_failed`](crate::Stats::dispatches_failed)), and the socket, which has asked
    /// for nothing, is sent no error.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Config, Socket, SocketError, SocketMessage, WebConnectionSocketLayer};
    ///
    /// let layer = WebConnectionSocketLayer::new(Config::new()).on_open(|socket: Socket| async move {
    ///     socket.join("lobby")?;
    ///     let here = socket.hub().len().to_string(); // with this one
    ///     socket.reply(&SocketMessage::new("here").text(here))
    /// });
    /// ```
    #[must_use]
    pub fn on_open<F, Fut>(mut self, function: F) -> Self
    where
        F: Fn(Socket) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HandlerOutput> + Send + 'static,
    {
        self.hooks_mut().open = Some(handler(function));
        self
    }

    /// Calls a function once after each socket ended. The message's text is
    /// `{"code":1000,"reason":"","undelivered":0}`: the close code and reason, and how many messages
    /// were queued for the socket and never written. All reasons are listed at
    /// [`CloseReason`](crate::CloseReason).
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{CloseReason, Config, Socket, WebConnectionSocketLayer};
    ///
    /// let layer = WebConnectionSocketLayer::new(Config::new()).on_disconnect(|socket: Socket| async move {
    ///     match socket.message().parse_json::<CloseReason>() {
    ///         Ok(reason) if reason == CloseReason::SLOW => println!("{} was slow", socket.user()),
    ///         Ok(reason) => println!("{} left: {reason}", socket.user()),
    ///         Err(error) => println!("{} left: {error}", socket.user()),
    ///     }
    /// });
    /// ```
    #[must_use]
    pub fn on_disconnect<F, Fut>(mut self, function: F) -> Self
    where
        F: Fn(Socket) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HandlerOutput> + Send + 'static,
    {
        self.hooks_mut().disconnect = Some(handler(function));
        self
    }
}
