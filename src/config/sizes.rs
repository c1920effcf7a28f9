//! Options that bound what one handshake, one message or one socket may hold.

use super::Config;
use super::parse::nonzero;

impl Config {
    /// Sets the largest message that a socket or a caller of a reserved URL may send, in bytes;
    /// 64 KiB by default.
    ///
    /// A longer one is refused: close code 1009, or status 413. A socket may hold one message of this
    /// size while it arrives and one while it waits for its turn.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use]
    #[track_caller]
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.max_message_size = nonzero("max_message_size", bytes);
        self
    }

    /// Sets the largest handshake that opens a socket, its URL and headers together, in bytes; 32 KiB
    /// by default.
    ///
    /// A longer one is refused with 431; hyper accepts some 400 KiB, `Server` 64 KiB. A socket keeps
    /// most of its handshake while it is open and sends it along with each message, so this is memory
    /// per socket.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use]
    #[track_caller]
    pub fn max_handshake_size(mut self, bytes: usize) -> Self {
        self.max_handshake_size = nonzero("max_handshake_size", bytes);
        self
    }

    /// Sets how many recipients one message may name; 1 024 by default.
    ///
    /// The work of a broadcast grows with their number.
    #[must_use]
    pub fn max_recipients(mut self, n: usize) -> Self {
        self.max_recipients = n;
        self
    }

    /// Sets how many groups one socket may join; 64 by default.
    ///
    /// Each membership costs an entry in the index of its group, and a part of a header of every
    /// message that goes to the application over HTTP. All names of a socket together take at most
    /// [`max_handshake_size`](Self::max_handshake_size).
    #[must_use]
    pub fn max_groups(mut self, n: usize) -> Self {
        self.max_groups = n;
        self
    }

    /// Sets the longest name of a user or a group, in bytes; 256 by default.
    ///
    /// It holds wherever a socket gets a user or joins a group: the query, an
    /// [`Identity`](crate::Identity), [`Socket::join`](crate::Socket::join),
    /// [`Hub::join`](crate::Hub::join), a `WebSocket-Join` header,
    /// [`Hub::reidentify`](crate::Hub::reidentify). A name is kept for each socket and sent with each of
    /// its messages to the application, so it costs memory and bandwidth that visitors may choose.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[must_use]
    #[track_caller]
    pub fn max_name_length(mut self, bytes: usize) -> Self {
        self.max_name_length = nonzero("max_name_length", bytes);
        self
    }
}
