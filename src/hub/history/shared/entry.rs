//! Entries as the store keeps them, and as nodes send them to each other.
//!
//! ```text
//! 0 kind   1 when it was published, in milliseconds of the Unix epoch   9 the rest
//! ```
//!
//! | kind | the rest |
//! |---|---|
//! | 1 message | its JSON, without a position |
//! | 2 scar | whether there are more, then the ids of what is not stored |
//! | 3 passed | nothing: the message was sent before. Between nodes only |

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{BufMut, Bytes};

use crate::{
    frame::Frame,
    hub::history::{
        order::Sent,
        sequencer::{Body, Scar},
    },
    protocol::{DefaultAudience, Recipient, SocketMessage, StreamRef, foreign_text, stream_of},
};

/// Writes an entry that was published now.
pub(super) fn write(body: &Body<Sent>) -> Bytes {
    let mut bytes = Vec::with_capacity(HEADER + room(body));
    let (kind, rest): (u8, &[u8]) = match body {
        Body::Message(sent) => (MESSAGE, sent.plain().payload()),
        Body::Scar(scar) => (SCAR, &[u8::from(scar.has_more)]),
        Body::Passed | Body::Garbage => (PASSED, &[]),
    };
    bytes.put_u8(kind);
    bytes.put_u64(since_epoch(SystemTime::now()));
    bytes.put_slice(rest);
    if let Body::Scar(scar) = body {
        scar.ids.iter().for_each(|id| bytes.put_u64(*id));
    }
    bytes.into()
}

/// Reads an entry, and how long ago it was published. `recipients` are known if a node has sent it;
/// in the store they are part of the message.
pub(super) fn read(
    bytes: &[u8],
    recipients: Option<&[Recipient]>,
    stream: StreamRef<'_>,
    audience: DefaultAudience,
) -> (Body<Sent>, Duration) {
    let Some((head, rest)) = bytes.split_first_chunk::<HEADER>() else {
        return (Body::Garbage, Duration::ZERO);
    };
    let [kind, at @ ..] = *head;
    let now = since_epoch(SystemTime::now());
    let age = Duration::from_millis(now.saturating_sub(u64::from_be_bytes(at)));
    let body = match kind {
        MESSAGE => message(rest, recipients, stream, audience),
        SCAR => scar(rest),
        PASSED if rest.is_empty() && recipients.is_some() => Some(Body::Passed),
        _ => None,
    };
    (body.unwrap_or(Body::Garbage), age)
}

/// Returns the message of an entry that another node has sent, if it is one.
pub(in crate::hub) fn message_of(bytes: &[u8]) -> Option<Frame> {
    let json = bytes.get(HEADER..).filter(|_| bytes[0] == MESSAGE)?;
    foreign_text(json).map(|json| Frame::text(json.as_bytes()))
}

fn message(
    json: &[u8],
    recipients: Option<&[Recipient]>,
    stream: StreamRef<'_>,
    audience: DefaultAudience,
) -> Option<Body<Sent>> {
    foreign_text(json)?;
    let read;
    let recipients = match recipients {
        Some(recipients) => recipients,
        None => {
            // Another node's message may be one that this node's limits refuse.
            read = SocketMessage::read(json, usize::MAX).ok()?.recipients;
            &read
        }
    };
    let is_of_it = stream_of(recipients, audience) == Some(stream);
    is_of_it.then(|| Body::Message(Sent::new(recipients, Frame::text(json))))
}

fn scar(rest: &[u8]) -> Option<Body<Sent>> {
    let (&more, ids) = rest.split_first()?;
    let chunks = ids.chunks_exact(8);
    if !chunks.remainder().is_empty() {
        return None;
    }
    let number = |id: &[u8]| id.try_into().map_or(0, u64::from_be_bytes);
    let ids = chunks.map(number).collect();
    let has_more = more == 1;
    (more < 2).then_some(Body::Scar(Scar { ids, has_more }))
}

fn room(body: &Body<Sent>) -> usize {
    match body {
        Body::Message(sent) => sent.plain().payload().len(),
        Body::Scar(scar) => 1 + 8 * scar.ids.len(),
        Body::Passed | Body::Garbage => 0,
    }
}

fn since_epoch(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}

const HEADER: usize = 9;

const MESSAGE: u8 = 1;
const SCAR: u8 = 2;
const PASSED: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    const LOBBY: StreamRef<'_> = StreamRef::Group("lobby");

    fn read_stored(bytes: &[u8]) -> Body<Sent> {
        read(bytes, None, LOBBY, DefaultAudience::All).0
    }

    fn stored(message: &SocketMessage) -> Bytes {
        let sent = Sent::new(&message.recipients, Frame::message(message));
        write(&Body::Message(sent))
    }

    #[test]
    fn a_message_is_read_with_its_recipients() {
        let message = SocketMessage::new("a").to_group("lobby").except_user("ann");
        let Body::Message(sent) = read_stored(&stored(&message)) else {
            panic!("it is a message");
        };
        assert_eq!(sent.recipients(), message.recipients);
        assert_eq!(
            SocketMessage::from_slice(sent.plain().payload()).unwrap(),
            message
        );
    }

    #[test]
    fn a_scar_is_read_as_it_was() {
        for (ids, has_more) in [(vec![], false), (vec![1, u64::MAX], true)] {
            let scar = Scar {
                ids: ids.into(),
                has_more,
            };
            let Body::Scar(read) = read_stored(&write(&Body::Scar(scar.clone()))) else {
                panic!("it is a scar");
            };
            assert_eq!(read, scar);
        }
    }

    #[test]
    fn what_no_node_has_written_is_garbage() {
        let of_another = stored(&SocketMessage::new("a").to_group("attic"));
        let passed = write(&Body::Passed);
        let not_text = [&[MESSAGE][..], &[0; 8], &[0xff]].concat();
        let not_json = [&[MESSAGE][..], &[0; 8], b"{"].concat();
        let odd_scar = [&[SCAR][..], &[0; 8], &[0, 1]].concat();
        let unknown = [&[9][..], &[0; 8]].concat();
        for bytes in [
            &b""[..],
            b"x",
            &of_another,
            &passed,
            &not_text,
            &not_json,
            &odd_scar,
            &unknown,
        ] {
            assert!(matches!(read_stored(bytes), Body::Garbage), "{bytes:?}");
        }
    }
}
