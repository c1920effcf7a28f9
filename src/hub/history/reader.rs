//! A resuming socket: which messages it may have, and how many.

use crate::{
    frame::Frame,
    protocol::{ConnectionId, GroupId, Recipient, RecipientType},
};

/// A resuming socket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    pub(super) id: ConnectionId,
    pub(super) user: &'a str,
    pub(super) groups: &'a [GroupId],
}

impl Reader<'_> {
    /// Whether a message with these recipients, which all exclude, is not for the socket.
    pub(super) fn is_excluded<'r>(
        &self,
        mut excludes: impl Iterator<Item = &'r Recipient>,
    ) -> bool {
        excludes.any(|to| {
            let name = to.value.as_str();
            match to.kind {
                RecipientType::AllButGroup => {
                    name.is_empty() || self.groups.iter().any(|group| *group == name)
                }
                RecipientType::AllButUser => !name.is_empty() && self.user == name,
                RecipientType::AllButConnection => name.parse() == Ok(self.id),
                RecipientType::All
                | RecipientType::Group
                | RecipientType::User
                | RecipientType::Connection => false,
            }
        })
    }
}

/// How much a socket may still be sent of what it missed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    messages: usize,
    bytes: usize,
}

impl Room {
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            messages: MAX_REPLAY,
            bytes,
        }
    }

    /// Returns what is left after a frame, if it has room.
    pub(super) fn without(self, frame: &Frame) -> Option<Self> {
        Some(Self {
            messages: self.messages.checked_sub(1)?,
            bytes: self.bytes.checked_sub(frame.cost())?,
        })
    }
}

/// The most messages that are replayed to one socket.
pub(super) const MAX_REPLAY: usize = 300;
