//! Hooks that say where the messages of sockets go.

use std::future::Future;

use crate::{
    middleware::{
        hooks::{Destination, HandlerOutput, handler},
        layer::WebConnectionSocketLayer,
        socket::Socket,
    },
    protocol::RawMessage,
};

impl WebConnectionSocketLayer {
    /// Hands messages to a function instead of the inner service.
    ///
    /// A socket's next message waits until the function is done with the one before.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Config, MessageError, Socket, SocketMessage, WebConnectionSocketLayer};
    ///
    /// let layer = WebConnectionSocketLayer::new(Config::new()).on_web_socket(|socket: Socket| async move {
    ///     let numbers: Vec<i64> = socket.message().parse_json()?;
    ///     let sum = numbers.iter().sum::<i64>();
    ///     socket.broadcast(&SocketMessage::new("sum").text(sum.to_string()));
    ///     Ok::<(), MessageError>(())
    /// });
    /// ```
    #[must_use]
    pub fn on_web_socket<F, Fut>(mut self, function: F) -> Self
    where
        F: Fn(Socket) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HandlerOutput> + Send + 'static,
    {
        self.hooks_mut().fallback = Destination::Handler(handler(function));
        self
    }

    /// Hands messages with this action, compared exactly, to a function. Other messages are not
    /// affected.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Config, Socket, WebConnectionSocketLayer};
    ///
    /// let layer = WebConnectionSocketLayer::new(Config::new())
    ///     .on_action("enter", |socket: Socket| async move { socket.join(socket.text()) });
    /// ```
    #[must_use]
    pub fn on_action<F, Fut>(mut self, action: impl Into<Box<str>>, function: F) -> Self
    where
        F: Fn(Socket) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HandlerOutput> + Send + 'static,
    {
        let destination = Destination::Handler(handler(function));
        self.hooks_mut().actions.insert(action.into(), destination);
        self
    }

    /// Hands what sockets send to a function as it is: whole messages, text and binary alike.
    ///
    /// No message is read as a [`SocketMessage`](crate::SocketMessage), and [`Socket::message`] is
    /// empty. The function replaces [`relay`](Self::relay), every other message handler and the inner
    /// service, which get only what programs post to `__WebSocket.<ext>`. Nothing else changes: a
    /// socket's messages come one at a time and in order, and all limits, timeouts, hooks, groups and
    /// broadcasts work as without it.
    ///
    /// An error, a panic or a timeout costs that one message and is logged and counted
    /// ([`Stats::dispatches_failed`](crate::Stats::dispatches_failed)). The sender is told nothing,
    /// because only your protocol says what an error looks like. Call [`Socket::close`] if the
    /// function cannot go on.
    ///
    /// Each message is copied once, into memory that grows with what arrives, whatever length was
    /// declared. A socket may hold three: one in hand, one that waits and one that arrives, each as
    /// large as [`Config::max_message_size`](crate::Config::max_message_size).
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{CloseReason, Config, RawMessage, Socket, WebConnectionSocketLayer};
    ///
    /// let layer = WebConnectionSocketLayer::new(Config::new().max_message_size(1024 * 1024)).on_raw(
    ///     |socket: Socket, message: RawMessage| async move {
    ///         match message.as_text() {
    ///             Some("ping") => socket.send_raw(&RawMessage::text("pong"))?,
    ///             Some(_) => drop(socket.close(CloseReason::new(4000, "only pings"))),
    ///             None => socket.send_raw(&message)?, // echoes binary messages
    ///         }
    ///         Ok::<(), web_connection_socket::SocketError>(())
    ///     },
    /// );
    /// ```
    #[must_use]
    pub fn on_raw<F, Fut>(mut self, function: F) -> Self
    where
        F: Fn(Socket, RawMessage) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HandlerOutput> + Send + 'static,
    {
        let function = handler(move |(socket, message)| function(socket, message));
        self.hooks_mut().raw = Some(function);
        self
    }

    /// Broadcasts messages as they are, without asking the application.
    ///
    /// Without [`identify`](Self::identify) every visitor may address every socket. With it a socket
    /// may address its own groups, its own user and what
    /// [`Identity::may_broadcast`](crate::Identity::may_broadcast) allows; other messages are answered
    /// with the error `refused`. Either way the sender writes the whole message, action included, so a
    /// page must not take a relayed message for one of the application's.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Config, Handshake, Identity, Recipient, Rejection, WebConnectionSocketLayer};
    ///
    /// let layer = WebConnectionSocketLayer::new(Config::new())
    ///     .identify(|_: Handshake| async {
    ///         let member = Identity::user("ann").group("lobby");
    ///         Ok::<_, Rejection>(member.may_broadcast(Recipient::user("support")))
    ///     })
    ///     .relay();
    /// ```
    #[must_use]
    pub fn relay(mut self) -> Self {
        self.hooks_mut().fallback = Destination::Relay;
        self
    }
}
