/// Why a handler was called.
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
    /// The socket sent a message, or somebody posted one to `__WebSocket.<ext>`.
    Message,
    /// The socket is about to open.
    Connect,
    /// The socket has opened.
    Open,
    /// The socket's identity is about to end.
    Expiry,
    /// The socket has ended.
    Disconnect,
}

impl SocketEvent {
    /// The value of the header `WebSocket-Event`, and the action of the messages that no socket sent.
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
