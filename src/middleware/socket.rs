use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use http::Extensions;

use super::{
    event::SocketEvent,
    handshake::Handshake,
    rejection::{Cause, Rejection},
    request::ClientAddr,
    source::{Connection, Source},
};
use crate::{
    hub::{
        Backlog, Broadcast, CloseReason, Frame, Hub, Identity, Push, SocketError, SocketErrorKind,
        User,
    },
    protocol::{ConnectionId, GroupId, SocketMessage},
};

/// A message from a socket, and the means to answer it: what a handler holds.
///
/// Handlers set on the layer get it as their argument, axum handlers by extraction (feature
/// `axum`), others with [`from_extensions`](Self::from_extensions). Cheap to clone; it may be kept
/// after the handler returned.
///
/// # Examples
///
/// ```
/// use web_connection_socket::{Socket, SocketMessage};
///
/// async fn on_web_socket(socket: Socket) {
///     match socket.message().action.as_str() {
///         "chat" => {
///             let shouted = socket.message().message.to_uppercase();
///             socket.broadcast(&SocketMessage::new("chat").text(shouted).to_group("chat"));
///         }
///         other => println!("{} sent {other}", socket.user()),
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Socket {
    hub: Arc<Hub>,
    source: Source,
    user: User,
    event: SocketEvent,
    message: Arc<SocketMessage>,
}

impl Socket {
    pub(super) fn new(
        hub: Arc<Hub>,
        source: Source,
        user: User,
        event: SocketEvent,
        message: SocketMessage,
    ) -> Self {
        Self {
            hub,
            source,
            user,
            event,
            message: Arc::new(message),
        }
    }

    /// Takes the socket out of a dispatched request's extensions: for handlers that are not axum's.
    ///
    /// # Errors
    ///
    /// If the request did not come through the layer: no client can make one that did. The
    /// rejection is a 403 ([`Rejection::into_response`]).
    ///
    /// # Examples
    ///
    /// ```
    /// use http::Request;
    /// use web_connection_socket::{Rejection, Socket};
    ///
    /// fn action<B>(request: &Request<B>) -> Result<String, Rejection> {
    ///     let socket = Socket::from_extensions(request.extensions())?;
    ///     Ok(socket.message().action.clone())
    /// }
    /// assert!(action(&Request::new(())).is_err());
    /// ```
    pub fn from_extensions(extensions: &Extensions) -> Result<Self, Rejection> {
        let mark = extensions
            .get::<Mark>()
            .ok_or_else(|| Rejection::from(Cause::NotDispatched))?;
        mark.taken.store(true, Relaxed);
        Ok(mark.socket.clone())
    }

    /// What happened: a message, or a step in the socket's life.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Socket, SocketEvent};
    ///
    /// fn is_news(socket: &Socket) -> bool {
    ///     socket.event() == SocketEvent::Message
    /// }
    /// ```
    #[must_use]
    pub fn event(&self) -> SocketEvent {
        self.event
    }

    /// The message. Of a socket that an `identify` hook verified, `user_id` and `group_id` are true.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Socket;
    ///
    /// fn is_chat(socket: &Socket) -> bool {
    ///     socket.message().action == "chat"
    /// }
    /// ```
    #[must_use]
    pub fn message(&self) -> &SocketMessage {
        &self.message
    }

    /// A new message with the action, user and group of the one received (West Wind's
    /// `CreateMessageObject`). The action is the client's choice: broadcast it only where your code has
    /// matched that, or a page can speak for the application.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Socket, SocketError};
    ///
    /// fn answer(socket: &Socket) -> Result<(), SocketError> {
    ///     socket.reply(&socket.create_message().text("Understood."))
    /// }
    /// ```
    #[must_use]
    pub fn create_message(&self) -> SocketMessage {
        SocketMessage::new(self.message.action.clone())
            .from_user(self.message.user_id.clone())
            .from_group(self.message.group_id.clone())
    }

    /// Queues a message for all sockets that its recipients select: [`Hub::broadcast`].
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Socket, SocketMessage};
    ///
    /// fn announce(socket: &Socket) {
    ///     let report = socket.broadcast(&SocketMessage::new("news").text("It is noon."));
    ///     println!("{} of {} sockets have it queued", report.queued, report.matched);
    /// }
    /// ```
    #[expect(clippy::must_use_candidate, reason = "called for its effect")]
    pub fn broadcast(&self, message: &SocketMessage) -> Broadcast {
        self.hub.broadcast(message)
    }

    /// Queues a message for this socket alone; its recipients do not matter.
    ///
    /// The replies to a message that a program posted to `__WebSocket.<ext>` are the answer of that
    /// request: one message as an object, several as a list. Where an inner service answers with a
    /// body, or without success, its answer is sent instead.
    ///
    /// # Errors
    ///
    /// If the socket is closed, or its outgoing queue is full; if the message was posted, and its
    /// request was answered already, or the replies would be more than 1 024 or longer than
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
        match &self.source {
            Source::Socket(_) => self.push(&Frame::message(message)),
            Source::Request(caller) => caller.reply(message),
        }
    }

    /// Makes this socket a member of a group: [`Hub::join`].
    ///
    /// Like [`leave`](Self::leave) and [`close`](Self::close), it does nothing where a program posted
    /// the message, so that a handler need not ask: the log notes the first such call.
    ///
    /// # Errors
    ///
    /// If the socket is closed, is in [`Config::max_groups`](crate::Config::max_groups) groups already,
    /// or if the name is longer than [`Config::max_name_length`](crate::Config::max_name_length): of
    /// what a visitor wrote, tell the visitor.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Socket, SocketError};
    ///
    /// async fn enter(socket: Socket) -> Result<(), SocketError> {
    ///     // Where the name is too long, the visitor is told by an error frame.
    ///     socket.join(socket.message().message.trim())
    /// }
    /// ```
    pub fn join(&self, group: impl Into<GroupId>) -> Result<(), SocketError> {
        match &self.source {
            Source::Socket(connection) => self.hub.join(connection.peer.id, group),
            Source::Request(caller) => {
                caller.ignore_order();
                Ok(())
            }
        }
    }

    /// Ends this socket's membership in a group; `false` if there was none.
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
        match &self.source {
            Source::Socket(connection) => self.hub.leave(connection.peer.id, group),
            Source::Request(caller) => {
                caller.ignore_order();
                false
            }
        }
    }

    /// Makes this socket somebody else's, or renews whose it is: [`Hub::reidentify`]. This message
    /// keeps the user that it came with.
    ///
    /// # Errors
    ///
    /// If the socket is closed, if the message came by HTTP from outside, if the socket would be in
    /// more than [`Config::max_groups`](crate::Config::max_groups) groups, or if a name is longer than
    /// [`Config::max_name_length`](crate::Config::max_name_length). Nothing has changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Identity, Socket};
    ///
    /// /// The page fetched a fresh token over HTTP and sends it along.
    /// async fn on_token(socket: Socket) -> Result<(), String> {
    ///     let identity = verified(&socket.message().message).ok_or("the token is not ours")?;
    ///     socket.reidentify(identity).map_err(|error| error.to_string())
    /// }
    /// # fn verified(_: &str) -> Option<Identity> { None }
    /// ```
    pub fn reidentify(&self, identity: Identity) -> Result<(), SocketError> {
        self.hub.reidentify(self.connection()?.peer.id, identity)
    }

    /// Closes this socket after what is queued for it; `false` if it is closed already.
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
        match &self.source {
            Source::Socket(connection) => {
                self.hub
                    .close_entry(&connection.peer, reason, Backlog::Deliver)
            }
            Source::Request(caller) => {
                caller.ignore_order();
                false
            }
        }
    }

    /// The connection's id; `None` if the message came by HTTP from outside.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Socket, SocketMessage};
    ///
    /// fn to_others(socket: &Socket, news: SocketMessage) {
    ///     if let Some(id) = socket.id() {
    ///         socket.broadcast(&news.except_connection(id));
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn id(&self) -> Option<ConnectionId> {
        let connection = self.connection().ok()?;
        Some(connection.peer.id)
    }

    /// Whose socket it was when this message's turn came, and whether anybody checked. Of a message
    /// that came by HTTP from outside it is what the message says.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Socket, User};
    ///
    /// fn may_order(socket: &Socket) -> bool {
    ///     matches!(socket.user(), User::Verified(_))
    /// }
    /// ```
    #[must_use]
    pub fn user(&self) -> User {
        self.user.clone()
    }

    /// The socket's groups besides the default one, at this moment.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Socket;
    ///
    /// fn is_member(socket: &Socket, group: &str) -> bool {
    ///     socket.groups().iter().any(|own| own.as_str() == group)
    /// }
    /// ```
    #[must_use]
    pub fn groups(&self) -> Vec<GroupId> {
        let id = self.id();
        id.map_or_else(Vec::new, |id| self.hub.groups_of(id))
    }

    /// The request that opened the socket, without what belongs to that request alone; `None` if
    /// the message came by HTTP from outside, or is relayed.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Socket;
    ///
    /// fn language(socket: &Socket) -> Option<String> {
    ///     let language = socket.handshake()?.header("accept-language")?;
    ///     language.to_str().ok().map(str::to_owned)
    /// }
    /// ```
    #[must_use]
    pub fn handshake(&self) -> Option<&Handshake> {
        self.connection().ok()?.handshake.as_ref()
    }

    /// The address that the visitor came from when the socket was opened:
    /// [`Handshake::client_addr`]; `None` if that is not known, the message came by HTTP from
    /// outside, or is relayed.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Socket;
    ///
    /// fn shown(socket: &Socket) -> String {
    ///     let client = socket.client_addr();
    ///     client.map_or_else(String::new, |client| client.to_string())
    /// }
    /// ```
    #[must_use]
    pub fn client_addr(&self) -> Option<ClientAddr> {
        self.handshake()?.client_addr()
    }

    /// All sockets.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Socket;
    ///
    /// fn reachable(socket: &Socket) -> usize {
    ///     socket.hub().len()
    /// }
    /// ```
    #[must_use]
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    pub(super) fn push(&self, frame: &Frame) -> Result<(), SocketError> {
        match self.hub.push(&self.connection()?.peer, frame) {
            Push::Queued => Ok(()),
            Push::Dropped | Push::Overflow => Err(SocketError::new(SocketErrorKind::QueueFull)),
            Push::Closed => Err(SocketError::new(SocketErrorKind::NotConnected)),
        }
    }

    fn connection(&self) -> Result<&Connection, SocketError> {
        self.source.connection()
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("id", &self.id())
            .field("event", &self.event)
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}

/// The proof, in a request's extensions, that it was dispatched by the layer.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    socket: Socket,
    taken: Arc<AtomicBool>,
}

impl Mark {
    pub(super) fn new(socket: Socket) -> Self {
        Self {
            socket,
            taken: Arc::default(),
        }
    }

    /// Whether a handler asked for the socket.
    pub(super) fn taken(&self) -> bool {
        self.taken.load(Relaxed)
    }
}
