//! Reading of frames from other nodes, which may be forged, damaged or of another version.

use bytes::Bytes;

use super::{
    draft::{
        ANSWER, BEAT, BYE, ENTRY, HEADER, MAGIC, MARK, MAX_FRAME, MEMBERS, MEMBERS_WANTED, MESSAGE,
        QUESTION, SIGNED, SYNC, VERSION,
    },
    inquiry::Question,
    members::MemberReport,
    placed::Placed,
    reader::Reader,
    recipients::read_recipients,
    signature::Key,
    tails::{Pulse, Topics},
};
use crate::{
    backplane::{Arrival, Topic},
    hub::cluster::{event::GarbageKind, node_id::NodeId},
    protocol::{Recipient, foreign_text},
};

/// A frame of a node.
#[derive(Debug)]
pub(in crate::hub::cluster) struct Incoming {
    pub(in crate::hub::cluster) node: NodeId,
    pub(in crate::hub::cluster) incarnation: u64,
    pub(in crate::hub::cluster) number: u64,
    pub(in crate::hub::cluster) body: Body,
}

/// What a frame says.
#[derive(Debug)]
pub(in crate::hub::cluster) enum Body {
    Message {
        recipients: Vec<Recipient>,
        /// What goes to the sockets: a text that is an object, as far as its ends tell.
        json: Bytes,
    },
    /// An entry of a stream, of which the cluster knows no more.
    Entry {
        recipients: Vec<Recipient>,
        placed: Placed,
        entry: Bytes,
    },
    Mark {
        nonce: u64,
    },
    Beat(Pulse),
    Bye(Pulse),
    Sync(Topics),
    Question(u64, Question),
    Members(MemberReport),
    /// The partitions of which snapshots are wanted, one bit for each.
    MembersWanted(u64),
    Answer {
        id: u64,
        number: u16,
        is_last: bool,
        part: Bytes,
    },
}

/// Why a frame is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hub::cluster) struct Refused(pub(in crate::hub::cluster) GarbageKind);

/// Whether what has arrived is a message of this node, an entry of a stream, or a report of its members,
/// which the broker hands back. Told from a few bytes, since nothing else of it is of use: this node had it
/// first.
pub(in crate::hub::cluster) fn is_own_echo(arrival: &Arrival, node: NodeId) -> bool {
    let mut reader = Reader::new(&arrival.payload);
    let of_version = |head: &[u8]| head == [MAGIC[0], MAGIC[1], VERSION, Topic::PARTITIONS];
    let is_large = |kind: u8| matches!(kind, MESSAGE | ENTRY | MEMBERS);
    reader.take(4).is_some_and(of_version)
        && reader.u8().is_some_and(is_large)
        && reader.u8().is_some()
        && reader.u64() == Some(node.0)
}

/// Reads what has arrived on a topic.
pub(in crate::hub::cluster) fn read(
    arrival: &Arrival,
    key: Option<&Key>,
) -> Result<Incoming, Refused> {
    let bytes: &[u8] = &arrival.payload;
    if bytes.len() > MAX_FRAME {
        return Err(Refused(GarbageKind::TooLarge));
    }
    let malformed = Refused(GarbageKind::Malformed);
    let mut reader = Reader::new(bytes);
    if reader.take(2) != Some(MAGIC) {
        return Err(malformed);
    }
    let versions = (reader.u8(), reader.u8());
    if versions != (Some(VERSION), Some(Topic::PARTITIONS)) {
        return Err(Refused(GarbageKind::Version));
    }
    let (Some(kind), Some(flags)) = (
        reader.u8(),
        reader.u8().filter(|flags| flags & !SIGNED == 0),
    ) else {
        return Err(malformed);
    };
    // Nothing else of it is believed before.
    let signed = match (key, flags & SIGNED == SIGNED) {
        (None, false) => bytes,
        (Some(key), true) => key.verify(bytes).ok_or(Refused(GarbageKind::Signature))?,
        _ => return Err(Refused(GarbageKind::Signature)),
    };
    let head = header(signed).ok_or(malformed)?;
    if head.topic != arrival.topic {
        return Err(malformed);
    }
    let body = arrival.payload.slice(HEADER..signed.len());
    Ok(Incoming {
        node: head.node,
        incarnation: head.incarnation,
        number: head.number,
        body: read_body(kind, &body).ok_or(malformed)?,
    })
}

struct Header {
    node: NodeId,
    incarnation: u64,
    topic: Topic,
    number: u64,
}

fn header(bytes: &[u8]) -> Option<Header> {
    let mut reader = Reader::new(bytes);
    reader.take(6)?;
    Some(Header {
        node: NodeId(reader.u64()?),
        incarnation: reader.u64()?,
        topic: Topic::from_code(reader.u8()?, reader.u64()?)?,
        number: reader.u64()?,
    })
}

fn read_body(kind: u8, bytes: &Bytes) -> Option<Body> {
    let mut reader = Reader::new(bytes);
    let body = match kind {
        MESSAGE => {
            let recipients = read_recipients(&mut reader)?;
            let json = bytes.slice_ref(reader.rest());
            foreign_text(&json)?;
            return Some(Body::Message { recipients, json });
        }
        ENTRY => {
            let placed = Placed::read(&mut reader)?;
            let recipients = read_recipients(&mut reader)?;
            let entry = bytes.slice_ref(reader.rest());
            return Some(Body::Entry {
                recipients,
                placed,
                entry,
            });
        }
        ANSWER => {
            let (id, number) = (reader.u64()?, reader.u16()?);
            let is_last = reader.u8().filter(|last| *last < 2)? == 1;
            let part = bytes.slice_ref(reader.rest());
            return Some(Body::Answer {
                id,
                number,
                is_last,
                part,
            });
        }
        MARK => Body::Mark {
            nonce: reader.u64()?,
        },
        BEAT => Body::Beat(Pulse::read(&mut reader)?),
        BYE => Body::Bye(Pulse::read(&mut reader)?),
        SYNC => Body::Sync(Topics::read(&mut reader)?),
        QUESTION => Body::Question(reader.u64()?, Question::read(&mut reader)?),
        MEMBERS => Body::Members(MemberReport::read(&mut reader)?),
        MEMBERS_WANTED => Body::MembersWanted(reader.u64()?),
        _ => return None,
    };
    reader.is_empty().then_some(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::cluster::wire::{Draft, ReportPart};

    const NODE: NodeId = NodeId(7);
    const TOPIC: Topic = Topic::partition(7);

    fn arrival(mut draft: Draft) -> Arrival {
        draft.stamp(NODE, 1, 2);
        Arrival::new(draft.topic(), draft.finish(None))
    }

    #[test]
    fn what_a_node_needs_not_hear_of_itself_is_known_by_its_head() {
        let placed = Placed {
            epoch: 1,
            offset: 2,
            previous: Some(1),
            id: 3,
        };
        let report = MemberReport {
            version: 1,
            part: ReportPart::Changes,
            entries: Vec::new(),
        };
        let other = NodeId(NODE.0 + 1);
        for (draft, is_known) in [
            (Draft::message(TOPIC, &[], b"{}"), true),
            (Draft::entry(TOPIC, &[], placed, b"entry"), true),
            (Draft::members(20, &report), true),
            (Draft::mark(TOPIC, 5), false),
            (Draft::sync(Topic::ALL, Topics::default()), false),
        ] {
            let arrival = arrival(draft);
            assert_eq!(is_own_echo(&arrival, NODE), is_known, "{arrival:?}");
            assert!(!is_own_echo(&arrival, other), "{arrival:?}");
        }
        assert!(!is_own_echo(
            &Arrival::new(TOPIC, Bytes::from_static(b"WC")),
            NODE
        ));
    }
}
