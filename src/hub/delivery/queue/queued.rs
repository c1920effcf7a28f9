//! A frame in a queue, and of what kind it is.

use crate::frame::{Frame, StreamMark};

/// A frame in a queue.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) frame: Frame,
    pub(super) kind: Kind,
}

impl Queued {
    pub(super) fn new(frame: Frame, kind: Kind) -> Self {
        Self { frame, kind }
    }

    pub(super) fn mark(&self) -> Option<StreamMark> {
        self.frame.mark()
    }
}

/// The kind of a queued frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hub) enum Kind {
    /// A message that other sockets get as well.
    Broadcast,
    /// Any other message: an answer to this socket.
    Reply,
    Ping,
    Pong,
    LifeSign,
    Close,
}

impl Kind {
    pub(super) fn is_message(self) -> bool {
        matches!(self, Self::Broadcast | Self::Reply)
    }

    pub(super) fn is_heartbeat(self) -> bool {
        matches!(self, Self::Ping | Self::Pong | Self::LifeSign)
    }

    /// Whether a page sees the frame: browsers keep pings and pongs to themselves.
    pub(super) fn reaches_page(self) -> bool {
        self.is_message() || self == Self::LifeSign
    }
}
