//! Where the client finds what it needs at every server.

/// Where sockets open.
pub(crate) const SOCKET_PATH: &str = "/__initializeSocket.wc";
/// Where messages are posted.
pub(crate) const PUBLISH_PATH: &str = "/__broadcastWebSocket.wc";
/// Lets the publisher in at servers that ask for a token.
pub(crate) const TOKEN: &str = "5pTqV0xGdK1yHf8wRz3u";
