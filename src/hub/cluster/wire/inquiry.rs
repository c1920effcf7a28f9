//! Encodes queries, commands and their answers.

use super::{
    reader::{Reader, write_text},
    recipients::{read_recipient, write_recipient},
};
use crate::protocol::{CloseReason, ConnectionId, GroupId, Recipient, UserId};

/// A query or command for each node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::hub) enum Question {
    /// How many sockets it has.
    Sockets,
    /// The users that are connected to it, each with the number of its sockets.
    Users,
    /// The sockets that a recipient selects.
    Members(Recipient),
    Order(Recipient, Order),
}

/// What is done to the sockets that a recipient selects. The answer is the number of sockets to which
/// it was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::hub) enum Order {
    Close(CloseReason),
    Join(GroupId),
    Leave(GroupId),
}

/// One node's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::hub) enum Value {
    Count(usize),
    Users(Vec<(UserId, usize)>),
    Sockets(Vec<ConnectionId>),
}

impl Question {
    /// Returns the recipient whose sockets are asked for, if it is not all sockets.
    pub(in crate::hub::cluster) fn recipient(&self) -> Option<&Recipient> {
        match self {
            Self::Sockets | Self::Users => None,
            Self::Members(recipient) | Self::Order(recipient, _) => Some(recipient),
        }
    }

    pub(super) fn write(&self, buffer: &mut Vec<u8>) {
        match self {
            Self::Sockets => buffer.push(0),
            Self::Users => buffer.push(1),
            Self::Members(recipient) => {
                buffer.push(2);
                write_recipient(buffer, recipient);
            }
            Self::Order(recipient, order) => {
                buffer.push(match order {
                    Order::Close(_) => 3,
                    Order::Join(_) => 4,
                    Order::Leave(_) => 5,
                });
                write_recipient(buffer, recipient);
                match order {
                    Order::Close(reason) => {
                        buffer.extend_from_slice(&reason.code().to_be_bytes());
                        write_text(buffer, reason.reason());
                    }
                    Order::Join(group) | Order::Leave(group) => write_text(buffer, group.as_str()),
                }
            }
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(match reader.u8()? {
            0 => Self::Sockets,
            1 => Self::Users,
            2 => Self::Members(read_recipient(reader)?),
            3 => {
                let recipient = read_recipient(reader)?;
                let code = reader.u16()?;
                let text = reader.text().filter(|text| text.len() <= MAX_REASON)?;
                let reason = CloseReason::received(code, text.to_owned());
                Self::Order(recipient, Order::Close(reason))
            }
            4 => Self::Order(read_recipient(reader)?, Order::Join(reader.text()?.into())),
            5 => Self::Order(read_recipient(reader)?, Order::Leave(reader.text()?.into())),
            _ => return None,
        })
    }
}

impl Value {
    /// Returns a value of the kind that answers a question, without content.
    pub(in crate::hub::cluster) fn none(question: &Question) -> Self {
        match question {
            Question::Sockets | Question::Order(..) => Self::Count(0),
            Question::Users => Self::Users(Vec::new()),
            Question::Members(_) => Self::Sockets(Vec::new()),
        }
    }

    /// Writes the value in parts that each can be read by itself.
    pub(in crate::hub::cluster) fn parts(&self) -> Vec<Vec<u8>> {
        let mut parts = vec![Vec::new()];
        let mut write = |entry: &[u8]| {
            let last = parts.last_mut().expect("there is always one");
            if last.len() + entry.len() <= MAX_PART {
                last.extend_from_slice(entry);
            } else {
                parts.push(entry.to_vec());
            }
        };
        match self {
            Self::Count(count) => write(&(*count as u64).to_be_bytes()),
            Self::Sockets(sockets) => sockets.iter().for_each(|id| write(&id.to_bytes())),
            Self::Users(users) => {
                for (user, count) in users {
                    let mut entry = (*count as u64).to_be_bytes().to_vec();
                    write_text(&mut entry, user.as_str());
                    write(&entry);
                }
            }
        }
        parts
    }

    /// Adds a part of another node's value. Returns `None` if it is not one.
    pub(in crate::hub::cluster) fn add(&mut self, part: &[u8]) -> Option<()> {
        let mut reader = Reader::new(part);
        while !reader.is_empty() {
            match self {
                Self::Count(count) => {
                    *count = count.saturating_add(usize::try_from(reader.u64()?).ok()?);
                }
                Self::Sockets(sockets) => {
                    let id = reader.take(16)?.try_into().ok()?;
                    sockets.push(ConnectionId::from_bytes(id));
                }
                Self::Users(users) => {
                    let count = usize::try_from(reader.u64()?).ok()?;
                    users.push((reader.text()?.into(), count));
                }
            }
        }
        Some(())
    }

    /// Adds another node's whole value.
    pub(in crate::hub::cluster) fn merge(&mut self, other: Self) {
        match (self, other) {
            (Self::Count(count), Self::Count(more)) => *count = count.saturating_add(more),
            (Self::Sockets(sockets), Self::Sockets(more)) => sockets.extend(more),
            (Self::Users(users), Self::Users(more)) => users.extend(more),
            _ => {}
        }
    }
}

/// The text of a close frame is at most so long.
const MAX_REASON: usize = 123;

/// What one frame of an answer holds, which is small enough not to hold up messages.
const MAX_PART: usize = 64 << 10;
