//! A page of a stream's kept messages.

use crate::protocol::{Position, SocketMessage};

/// The kept messages of a stream, from [`Hub::history`](crate::Hub::history).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct HistoryPage {
    /// The messages in their order, each with its recipients, including those that were not for all
    /// members of the group.
    pub messages: Vec<HistoryMessage>,
    /// The end of the page: pass it to [`HistoryQuery::since`](crate::HistoryQuery::since) for what follows.
    pub position: Position,
    /// Whether no message is missing between the position that was asked for and the first one here;
    /// `true` if no position was given.
    pub is_complete: bool,
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
