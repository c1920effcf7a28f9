//! Why a handler was called: a message, or a step in the socket's life.

/// The reason why a handler was called.
///
/// # Examples
///
/// ```
/// use web_connection_socket::{Socket, SocketEvent};
///
/// async fn on_web_socket(socket: Socket) {
///     if socket.event() == SocketEvent::Disconnect {
///         println!("{} left", socket.user());
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocketEvent {
    /// The socket sent a message, or a program posted one to `__WebSocket.<ext>`.
    Message,
    /// The socket is about to open.
    Connect,
    /// The socket has opened.
    Open,
    /// The socket's identity is about to expire.
    Expiry,
    /// The socket has ended.
    Disconnect,
}

impl SocketEvent {
    /// Returns the value of the header `WebSocket-Event`. It is also the action of the messages that
    /// the layer itself makes for an event.
    ///
    /// `open` and `expiry` are for hooks alone: no request carries them.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::SocketEvent;
    ///
    /// assert_eq!(SocketEvent::Disconnect.as_str(), "disconnect");
    /// ```
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Connect => "connect",
            Self::Open => "open",
            Self::Expiry => "expiry",
            Self::Disconnect => "disconnect",
        }
    }
}
