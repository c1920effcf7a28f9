//! The recipients of a message in a frame between nodes.

use super::reader::{Reader, write_length, write_text};
use crate::protocol::{ConnectionId, Recipient, RecipientType};

/// How many recipients a message to other nodes may have.
pub(in crate::hub::cluster) const MAX_RECIPIENTS: usize = 16_384;

pub(super) fn write_recipients(buffer: &mut Vec<u8>, recipients: &[Recipient]) {
    write_length(buffer, recipients.len());
    for recipient in recipients {
        write_recipient(buffer, recipient);
    }
}

pub(super) fn read_recipients(reader: &mut Reader<'_>) -> Option<Vec<Recipient>> {
    let count = reader.length().filter(|&count| count <= MAX_RECIPIENTS)?;
    // Grows with what is there, not with what was announced.
    (0..count).map(|_| read_recipient(reader)).collect()
}

/// Writes one byte for the type, and the name. A connection's id takes 16 bytes.
pub(super) fn write_recipient(buffer: &mut Vec<u8>, recipient: &Recipient) {
    buffer.push(code(recipient.kind));
    match (recipient.kind, recipient.value.parse::<ConnectionId>()) {
        (RecipientType::All, _) => {}
        (RecipientType::Connection | RecipientType::AllButConnection, Ok(id)) => {
            buffer.extend_from_slice(&id.to_bytes());
        }
        // It selects no socket; the zero id is no socket's.
        (RecipientType::Connection | RecipientType::AllButConnection, Err(_)) => {
            buffer.extend_from_slice(&[0; 16]);
        }
        _ => write_text(buffer, &recipient.value),
    }
}

pub(super) fn read_recipient(reader: &mut Reader<'_>) -> Option<Recipient> {
    let kind = kind(reader.u8()?)?;
    let value = match kind {
        RecipientType::All => String::new(),
        RecipientType::Connection | RecipientType::AllButConnection => {
            let id = reader.take(16)?.try_into().ok()?;
            ConnectionId::from_bytes(id).to_string()
        }
        _ => reader.text()?.to_owned(),
    };
    Some(Recipient::new(kind, value))
}

fn code(kind: RecipientType) -> u8 {
    match kind {
        RecipientType::All => 0,
        RecipientType::Group => 1,
        RecipientType::User => 2,
        RecipientType::Connection => 3,
        RecipientType::AllButGroup => 4,
        RecipientType::AllButUser => 5,
        RecipientType::AllButConnection => 6,
    }
}

fn kind(code: u8) -> Option<RecipientType> {
    Some(match code {
        0 => RecipientType::All,
        1 => RecipientType::Group,
        2 => RecipientType::User,
        3 => RecipientType::Connection,
        4 => RecipientType::AllButGroup,
        5 => RecipientType::AllButUser,
        6 => RecipientType::AllButConnection,
        _ => return None,
    })
}
