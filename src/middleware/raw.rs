//! Raw mode: messages of a protocol of the application's own, as they are.

use std::future::Future;

use super::{
    hooks::{HandlerOutput, handler},
    layer::WebConnectionSocketLayer,
    socket::Socket,
};
use crate::{
    hub::{Frame, SocketError},
    protocol::RawMessage,
};

impl WebConnectionSocketLayer {
    /// Hands what sockets send to a function as it is, text and binary alike, whole messages.
    ///
    /// Nothing is read as a [`SocketMessage`](crate::SocketMessage): the function takes the place of
    /// [`relay`](Self::relay), of every other handler and of the inner service, which get only what
    /// is posted to `__WebSocket.<ext>`. All else is as without it: one message of a socket at a time
    /// in the order sent, limits and times, hooks, groups, broadcasts.
    /// [`Socket::message`] is empty.
    ///
    /// An error, a panic or a timeout costs that one message, is logged and counted
    /// ([`Stats::dispatches_failed`](crate::Stats::dispatches_failed)), and the sender is told
    /// nothing: what an error looks like is for your protocol to say. A function that cannot go on
    /// calls [`Socket::close`].
    ///
    /// A message is copied once on its way from the network into the [`RawMessage`], into memory that
    /// grows with what arrives, whatever length was declared. Each socket may hold one while it is
    /// handled, one that waits and one that arrives, each as large as
    /// [`Config::max_message_size`](crate::Config::max_message_size).
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
    ///             None => socket.send_raw(&message)?, // what was binary goes back
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
}

impl Socket {
    /// Queues a raw message for this socket alone.
    ///
    /// It stands in the outgoing queue behind what was broadcast and sent before, and no overflow
    /// policy drops it. A queue that holds something takes no more than
    /// [`Config::max_queue_bytes`](crate::Config::max_queue_bytes); an empty one takes any one message, so
    /// that a message longer than the bound can be sent. Works without
    /// [`on_raw`](WebConnectionSocketLayer::on_raw) as well.
    ///
    /// # Errors
    ///
    /// If the socket is closed, if the message came by HTTP from outside, or if the socket's
    /// outgoing queue is full, which closes it with 1013.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{RawMessage, Socket, SocketError};
    ///
    /// fn send_picture(socket: &Socket, png: Vec<u8>) -> Result<(), SocketError> {
    ///     socket.send_raw(&RawMessage::text("a picture follows"))?;
    ///     socket.send_raw(&RawMessage::binary(png))
    /// }
    /// ```
    pub fn send_raw(&self, message: &RawMessage) -> Result<(), SocketError> {
        self.push(&Frame::raw(message))
    }
}
