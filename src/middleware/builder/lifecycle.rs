//! Hooks that follow a socket's life: before it opens, once it has opened, after it ended.

use std::future::Future;

use crate::{
    hub::PresenceChange,
    middleware::{
        hooks::{HandlerOutput, handler, hook},
        layer::WebConnectionSocketLayer,
        rejection::Rejection,
        socket::Socket,
    },
};

impl WebConnectionSocketLayer {
    /// Calls a function before each socket opens; a refusal is the response to the upgrade.
    ///
    /// Joins and replies take effect when the socket opens; the replies are the first messages that
    /// the client receives. Browsers hide the refusal, and the plain GET with which the browser client
    /// asks for it does not call the function: refuse in [`identify`](Self::identify) what a page is to
    /// learn.
    ///
    /// # Examples
    ///
    /// ```
    /// use http::StatusCode;
    /// use web_connection_socket::{Config, Rejection, Socket, SocketMessage, WebConnectionSocketLayer};
    ///
    /// let layer = WebConnectionSocketLayer::new(Config::new()).on_connect(|socket: Socket| async move {
    ///     if socket.user().id().is_empty() {
    ///         return Err(Rejection::new(StatusCode::FORBIDDEN).detail("Choose a name first."));
    ///     }
    ///     socket.join("lobby")?;
    ///     socket.reply(&SocketMessage::new("welcome"))?;
    ///     Ok(())
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
    /// By now replies and broadcasts reach the socket, and what the function broadcasts reaches the
    /// sockets that opened before. Use it to greet the client, to join groups and to note who is
    /// online; the [guide](crate::guide::messages#users-online) has the recipe. Groups whose messages are
    /// kept are better joined in [`on_connect`](Self::on_connect): a client that comes again goes on in those.
    ///
    /// The function is called once for every socket that opened, in the order `on_open`, messages,
    /// `on_disconnect`. Messages that the socket sends meanwhile wait, as behind any message in hand. A
    /// client that leaves during the handshake never opens a socket, and a shutdown may end one first:
    /// then only `on_disconnect` is called. The inner service is not told of it: no request has
    /// `WebSocket-Event: open`.
    ///
    /// An error, a panic, or more time than
    /// [`Config::dispatch_timeout`](crate::Config::dispatch_timeout) is logged and counted
    /// ([`Stats::dispatches_failed`](crate::Stats::dispatches_failed)). The socket stays open and gets
    /// no error frame, since it asked for nothing.
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

    /// Calls a function once after each socket ended.
    ///
    /// The message's text is `{"code":1000,"reason":"","undelivered":0}`: the close code and reason,
    /// and how many messages were queued for the socket and never written.
    /// [`CloseReason`](crate::CloseReason) lists all reasons.
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

    /// Calls a function for each user that joins a group, or has left it, if a rule of
    /// [`Config::presence`](crate::Config::presence) names the group.
    ///
    /// A user joins with its first socket in the group, and leaves once for each absence: when it has had
    /// no socket for [`PresenceRule::leave_after`](crate::config::PresenceRule::leave_after), on any node. A
    /// user that returns earlier has not left. Sockets without a user are not reported. In a cluster each
    /// node calls its own functions, for the members of all nodes.
    ///
    /// One task calls it for all groups, in the order of events, and tells watchers as well: so it must be
    /// quick and must not block. Several functions are called in their order. One that panics is
    /// logged and counted ([`Stats::panics`](crate::Stats::panics)).
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{
    ///     Config, PresenceChange, WebConnectionSocketLayer, config::PresenceRule,
    /// };
    ///
    /// let config = Config::new().presence(PresenceRule::group("lobby"));
    /// let layer = WebConnectionSocketLayer::new(config).on_presence(|change| match change {
    ///     PresenceChange::Joined { group, user } => println!("{user} is in {group}"),
    ///     PresenceChange::Left { group, user, cause } => println!("{user} left {group}: {cause}"),
    ///     _ => {}
    /// });
    /// ```
    #[must_use]
    pub fn on_presence(self, function: impl Fn(PresenceChange) + Send + Sync + 'static) -> Self {
        self.state.hub.on_presence(function);
        self
    }
}
