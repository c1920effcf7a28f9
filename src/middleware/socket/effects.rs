//! What a handler does through its socket: broadcast, reply, join, leave, re-identify, close.

use serde::Serialize;

use super::Socket;
use crate::{
    frame::Frame,
    hub::{Backlog, Identity, Push, SocketError, SocketErrorKind},
    middleware::source::Source,
    protocol::{BroadcastReport, CloseReason, GroupId, RawMessage, SocketMessage},
};

impl Socket {
    /// Queues a message for all sockets that its recipients select; see [`Hub::broadcast`].
    ///
    /// [`Hub::broadcast`]: crate::Hub::broadcast
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Socket, SocketMessage};
    ///
    /// fn announce(socket: &Socket) {
    ///     let report = socket.broadcast(&SocketMessage::new("news").text("It is noon."));
    ///     println!("queued for {} of {} sockets", report.queued, report.matched);
    /// }
    /// ```
    #[expect(clippy::must_use_candidate, reason = "called for its effect")]
    pub fn broadcast(&self, message: &SocketMessage) -> BroadcastReport {
        self.hub().broadcast(message)
    }

    /// Queues a message for this socket alone; the message's recipients are ignored.
    ///
    /// When a program posted the message to `__WebSocket.<ext>`, the replies are the response to that
    /// request: an object for one, a list for several. An inner service that answers with a body, or
    /// with a status other than 2xx, takes precedence over them.
    ///
    /// # Errors
    ///
    /// If the socket is closed, or its outgoing queue is full. For a posted message: if its request
    /// was answered already, or if there are more than 1 024 replies, or more bytes of them than
    /// [`Config::max_queue_bytes`](crate::Config::max_queue_bytes).
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Socket, SocketError};
    ///
    /// async fn on_web_socket(socket: Socket) -> Result<(), SocketError> {
    ///     socket.reply(&socket.create_message().text("pong"))
    /// }
    /// ```
    pub fn reply(&self, message: &SocketMessage) -> Result<(), SocketError> {
        match self.source() {
            Source::Socket(_) => self.push(&Frame::message(message)),
            Source::Request(caller) => caller.reply(message),
        }
    }

    /// Queues a raw message for this socket alone, with or without a
    /// [raw handler](crate::WebConnectionSocketLayer::on_raw).
    ///
    /// No overflow policy drops it. A queue that is not empty takes no more than
    /// [`Config::max_queue_bytes`](crate::Config::max_queue_bytes); an empty one takes a single message
    /// of any length.
    ///
    /// # Errors
    ///
    /// If the socket is closed, if a program posted the message, or if the socket's outgoing queue is
    /// full, which closes the socket with 1013.
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

    /// Makes this socket a member of a group; see [`Hub::join`].
    ///
    /// For a posted message this does nothing, and neither do [`leave`](Self::leave) and
    /// [`close`](Self::close), so a handler need not ask where its message came from. The log notes it.
    ///
    /// [`Hub::join`]: crate::Hub::join
    ///
    /// # Errors
    ///
    /// If the socket is closed, is in [`Config::max_groups`](crate::Config::max_groups) groups already,
    /// or if the name is longer than [`Config::max_name_length`](crate::Config::max_name_length).
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Socket, SocketError};
    ///
    /// async fn enter(socket: Socket) -> Result<(), SocketError> {
    ///     // If the name is too long, `?` sends the client an error frame.
    ///     socket.join(socket.text().trim())
    /// }
    /// ```
    pub fn join(&self, group: impl Into<GroupId>) -> Result<(), SocketError> {
        match self.source() {
            Source::Socket(connection) => self.hub().join(connection.entry.id, group),
            Source::Request(caller) => {
                caller.ignore_order();
                Ok(())
            }
        }
    }

    /// Removes this socket from a group; returns `false` if it was not a member.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Socket, SocketMessage};
    ///
    /// async fn go(socket: Socket) {
    ///     if socket.leave("lobby") {
    ///         socket.broadcast(&SocketMessage::new("left").to_group("lobby"));
    ///     }
    /// }
    /// ```
    #[expect(clippy::must_use_candidate, reason = "called for its effect")]
    pub fn leave(&self, group: &str) -> bool {
        match self.source() {
            Source::Socket(connection) => self.hub().leave(connection.entry.id, group),
            Source::Request(caller) => {
                caller.ignore_order();
                false
            }
        }
    }

    /// Sets the presence value of this socket's user in all its groups, such as a picture or `"typing"`;
    /// see [`Hub::set_presence`].
    ///
    /// [`Hub::set_presence`]: crate::Hub::set_presence
    ///
    /// # Errors
    ///
    /// If the value does not serialize to JSON or takes more than 1 KiB, if the socket is closed, or if a
    /// program posted the message.
    ///
    /// # Examples
    ///
    /// ```
    /// use serde_json::json;
    /// use web_connection_socket::{Socket, SocketError};
    ///
    /// async fn on_connect(socket: Socket) -> Result<(), SocketError> {
    ///     socket.set_presence(&json!({ "name": "Ann", "picture": "/ann.png" }))
    /// }
    /// ```
    pub fn set_presence(&self, info: &impl Serialize) -> Result<(), SocketError> {
        let connection = self.source().connection()?;
        self.hub().set_presence(connection.entry.id, info)
    }

    /// Reports the members of a group to this socket, whatever its identity allows; see
    /// [`Hub::watch_presence`].
    ///
    /// [`Hub::watch_presence`]: crate::Hub::watch_presence
    ///
    /// # Errors
    ///
    /// If no rule of [`Config::presence`](crate::Config::presence) names the group, if the socket watches
    /// 64 groups already, if it is closed, or if a program posted the message.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Socket, SocketError};
    ///
    /// async fn enter(socket: Socket) -> Result<(), SocketError> {
    ///     socket.join("lobby")?;
    ///     socket.watch_presence("lobby")
    /// }
    /// ```
    pub fn watch_presence(&self, group: impl Into<GroupId>) -> Result<(), SocketError> {
        let connection = self.source().connection()?;
        self.hub().watch_presence(connection.entry.id, group)
    }

    /// Replaces the identity of this socket, for example after re-authentication; see
    /// [`Hub::reidentify`].
    ///
    /// [`user`](Self::user) of the message in hand stays the same.
    ///
    /// [`Hub::reidentify`]: crate::Hub::reidentify
    ///
    /// # Errors
    ///
    /// If the socket is closed, if a program posted the message, if the socket would be in more than
    /// [`Config::max_groups`](crate::Config::max_groups) groups, or if a name is longer than
    /// [`Config::max_name_length`](crate::Config::max_name_length). On an error nothing changes.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Identity, Socket};
    ///
    /// /// The page fetched a fresh token over HTTP and sends it in a message.
    /// async fn on_token(socket: Socket) -> Result<(), String> {
    ///     let identity = verified(socket.text()).ok_or("the token is not valid")?;
    ///     socket.reidentify(identity).map_err(|error| error.to_string())
    /// }
    /// # fn verified(_: &str) -> Option<Identity> { None }
    /// ```
    pub fn reidentify(&self, identity: Identity) -> Result<(), SocketError> {
        let connection = self.source().connection()?;
        self.hub().reidentify(connection.entry.id, identity)
    }

    /// Closes this socket after it was sent what is queued for it; returns `false` if it is closed
    /// already.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{CloseReason, Socket};
    ///
    /// async fn sign_out(socket: Socket) {
    ///     socket.close(CloseReason::new(4001, "signed out"));
    /// }
    /// ```
    #[expect(clippy::must_use_candidate, reason = "called for its effect")]
    pub fn close(&self, reason: CloseReason) -> bool {
        match self.source() {
            Source::Socket(connection) => {
                self.hub()
                    .close_entry(&connection.entry, reason, Backlog::Deliver)
            }
            Source::Request(caller) => {
                caller.ignore_order();
                false
            }
        }
    }

    /// Queues a frame for this socket alone.
    pub(in crate::middleware) fn push(&self, frame: &Frame) -> Result<(), SocketError> {
        match self.hub().push(&self.source().connection()?.entry, frame) {
            Push::Queued => Ok(()),
            Push::Dropped | Push::Overflow => Err(SocketError::new(SocketErrorKind::QueueFull)),
            Push::Closed => Err(SocketError::new(SocketErrorKind::NotConnected)),
        }
    }
}
