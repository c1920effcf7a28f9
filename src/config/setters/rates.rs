//! Setters of how fast a socket, or all sockets of a user, may send.

use crate::config::parse::nonzero;
use crate::config::{Config, Rate};

impl Config {
    /// Sets how many messages one socket may send per second in the long run, and how many at once
    /// after a quiet time; unlimited by default.
    ///
    /// A socket over its rate is not closed and loses nothing: the server stops reading from it until
    /// it may go on, so that its peer has to wait. Other sockets are not affected. Every frame counts as
    /// a message, each fragment, ping and pong included, because these could be used to flood as well. It
    /// costs some 100 bytes per socket, and up to 16 KiB for a socket that is over its rate. Waits last
    /// whole milliseconds, so a rate above 1 000 needs a burst above one.
    ///
    /// A socket over its rate is pinged, but has no deadline for its answer, which would wait behind
    /// what it sent before. A peer that vanished meanwhile is noticed once what had arrived from it is
    /// read, or as soon as the network reports the loss.
    ///
    /// # Panics
    ///
    /// If one of them is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    ///
    /// // 10 messages per second, and 50 at once.
    /// let config = Config::new().message_rate(10, 50);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn message_rate(mut self, per_second: u32, burst: u32) -> Self {
        self.message_rate = Some(Rate {
            per_second: nonzero("message_rate", per_second),
            burst: nonzero("message_rate", burst),
        });
        self
    }

    /// Sets how many bytes one socket may send per second in the long run, and how many at once after a
    /// quiet time; unlimited by default.
    ///
    /// It slows a socket down as [`message_rate`](Self::message_rate) does, at the same cost; where both
    /// are set, both hold. Every byte of every frame counts, headers included, and no byte of the
    /// handshake. A message longer than the burst takes as long as the rate says. Waits last whole
    /// milliseconds, so the burst should be at least a thousandth of the rate, and at least a usual
    /// message.
    ///
    /// What one visitor sends goes to each member of its audience. A reader's line has to take the sum of
    /// the rates of all visitors that may write to it at the same time; otherwise the reader falls behind
    /// and is closed with 1013 once its queue is full ([`max_queue_bytes`](Self::max_queue_bytes)),
    /// although no visitor broke a rule. Ten messages per second of 64 KiB each are 5 Mbit/s for every
    /// reader, so a `message_rate` alone is not enough.
    ///
    /// # Panics
    ///
    /// If one of them is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    ///
    /// // 4 KiB per second, and 64 KiB at once: what a chat needs.
    /// let config = Config::new().message_rate(10, 50).byte_rate(4 * 1024, 64 * 1024);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn byte_rate(mut self, per_second: u32, burst: u32) -> Self {
        self.byte_rate = Some(Rate {
            per_second: nonzero("byte_rate", per_second),
            burst: nonzero("byte_rate", burst),
        });
        self
    }

    /// Sets how many messages all sockets of one user together may send per second in the long run, and
    /// how many at once after a quiet time; unlimited by default.
    ///
    /// With [`message_rate`](Self::message_rate) alone, a user with twenty tabs may send twenty times as
    /// much. It counts the same frames and slows sockets down in the same way, beside the rates of each
    /// socket: the socket that sends more than its user may is read no faster, and the user's other
    /// sockets take turns with it. Each of them may always send one frame that came before its turn, so a
    /// user with many sockets may exceed the burst by as many frames.
    ///
    /// It holds for verified users. One that is only claimed could be slowed down by every visitor that
    /// claims the same name; visitors without a user id are not one user. After
    /// [`Hub::reidentify`](crate::Hub::reidentify) a socket sends at the cost of its new user. Each node
    /// counts for itself.
    ///
    /// It costs some 200 bytes per socket, and as many for a user, until it has no socket and has not sent
    /// for as long as its burst takes to return.
    ///
    /// # Panics
    ///
    /// If one of them is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    ///
    /// // 10 messages per second from one socket, 20 from all sockets of a user.
    /// let config = Config::new().message_rate(10, 50).user_message_rate(20, 100);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn user_message_rate(mut self, per_second: u32, burst: u32) -> Self {
        self.user_message_rate = Some(Rate {
            per_second: nonzero("user_message_rate", per_second),
            burst: nonzero("user_message_rate", burst),
        });
        self
    }

    /// Sets how many bytes all sockets of one user together may send per second in the long run, and how
    /// many at once after a quiet time; unlimited by default.
    ///
    /// It counts the bytes that [`byte_rate`](Self::byte_rate) counts, for the users and at the cost of
    /// [`user_message_rate`](Self::user_message_rate); where both are set, both hold.
    ///
    /// # Panics
    ///
    /// If one of them is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    ///
    /// // 8 KiB per second from all sockets of a user, and 128 KiB at once.
    /// let config = Config::new().user_byte_rate(8 * 1024, 128 * 1024);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn user_byte_rate(mut self, per_second: u32, burst: u32) -> Self {
        self.user_byte_rate = Some(Rate {
            per_second: nonzero("user_byte_rate", per_second),
            burst: nonzero("user_byte_rate", burst),
        });
        self
    }
}
