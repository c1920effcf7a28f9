//! The handle itself, and what it tells of the message and its sender.

use std::{fmt, sync::Arc};

use super::SocketEvent;
use crate::{
    hub::{Hub, User},
    middleware::{handshake::Handshake, request::ClientAddr, source::Source},
    protocol::{ConnectionId, GroupId, SocketMessage},
};

/// A message from a socket, and the means to answer it.
///
/// Handlers set on the layer get it as their argument, axum handlers by extraction (feature
/// `axum`), others with [`from_extensions`](Self::from_extensions). It is cheap to clone, and may
/// outlive the handler.
///
/// # Examples
///
/// ```
/// use web_connection_socket::{Socket, SocketMessage};
///
/// async fn on_web_socket(socket: Socket) {
///     match socket.message().action.as_str() {
///         "chat" => {
///             let shouted = socket.text().to_uppercase();
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
    pub(in crate::middleware) fn new(
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

    /// Returns why the handler was called: for a message, or a step in the socket's life.
    #[must_use]
    pub fn event(&self) -> SocketEvent {
        self.event
    }

    /// Returns the message.
    ///
    /// Its `user_id` and `group_id` are what the sender claims, unless an
    /// [`identify`](crate::WebConnectionSocketLayer::identify) hook verified the socket.
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

    /// Returns the text of the message: the field `message` of [`message`](Self::message).
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Socket, SocketError, SocketMessage};
    ///
    /// async fn echo(socket: Socket) -> Result<(), SocketError> {
    ///     socket.reply(&SocketMessage::new("echo").text(socket.text()))
    /// }
    /// ```
    #[must_use]
    pub fn text(&self) -> &str {
        &self.message.message
    }

    /// Creates a message with the action, user and group of the one received (West Wind's
    /// `CreateMessageObject`).
    ///
    /// The client chose that action. Broadcast the message only where your code has matched the
    /// action, or a page can speak in the application's name.
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

    /// Returns the connection's id, or `None` if a program posted the message.
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
        let connection = self.source.connection().ok()?;
        Some(connection.entry.id)
    }

    /// Returns the user that the socket had when this message was taken up, and whether a hook
    /// verified it. For a posted message it is the user that the message names.
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

    /// Returns the groups that the socket is in now, without the default one; none for a posted
    /// message.
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

    /// Returns what is kept of the request that opened the socket, or `None` if a program posted the
    /// message.
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
        self.source.connection().ok()?.handshake.as_ref()
    }

    /// Returns the client's address when the socket was opened ([`Handshake::client_addr`]), or
    /// `None` if it is not known or a program posted the message.
    #[must_use]
    pub fn client_addr(&self) -> Option<ClientAddr> {
        self.handshake()?.client_addr()
    }

    /// Returns the hub of all sockets.
    #[must_use]
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Returns where the message came from, which is where replies go.
    pub(super) fn source(&self) -> &Source {
        &self.source
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
