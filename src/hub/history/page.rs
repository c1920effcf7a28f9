//! What a stream answers when it is asked for its messages.

use crate::protocol::{Position, SocketMessage};

/// The kept messages of a stream, from [`Hub::history`](crate::Hub::history).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct HistoryPage {
    /// The messages in their order, each with its recipients: also those that were not for all of the
    /// group.
    pub messages: Vec<HistoryMessage>,
    /// The place up to which the page goes. What comes later is asked for since this position.
    pub position: Position,
    /// Whether no message is missing between the position that was asked for and the first one here. It
    /// is true if none was asked for.
    pub is_whole: bool,
}

/// One message of a [`HistoryPage`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct HistoryMessage {
    /// The message as it was broadcast.
    pub message: SocketMessage,
    /// Its place in the stream.
    pub position: Position,
}
