//! The effects that the state asks for.

use bytes::Bytes;

use crate::{
    backplane::Topic,
    hub::cluster::{
        event::{ClusterEvent, GarbageKind},
        local::MemberNews,
        node_id::NodeId,
        wire::{Draft, Placed, Question},
    },
    protocol::Recipient,
};

/// One thing to do. Effects are carried out in the order of their list.
#[derive(Debug)]
pub(in crate::hub::cluster) enum Effect {
    /// The application is told.
    Event(ClusterEvent),
    /// What has arrived is counted as garbage.
    Refuse(GarbageKind),
    Subscribe(Topic),
    Unsubscribe(Topic),
    Send(Draft),
    /// A mark is sent in a topic, with the nonce of this node's own or 0.
    Mark(Topic, u64),
    /// A heartbeat is sent, with this number.
    Beat(u64),
    /// The last heartbeat is sent again, as it was: its tails are judged with the next one, for which
    /// a fresh one would leave too little time.
    RepeatBeat,
    /// Something is due before what was to be done next.
    Soon,
    /// This node's sockets get a message.
    Deliver(Vec<Recipient>, Bytes),
    /// This node hears of members of groups.
    Members(MemberNews),
    /// This node's streams get an entry that another node has sent.
    Enter(NodeId, Vec<Recipient>, Placed, Bytes),
    /// This node answers a question.
    Answer(NodeId, u64, Question),
    /// Another node has answered: a part, its number, and whether it is the last.
    Answered {
        from: NodeId,
        id: u64,
        number: u16,
        is_last: bool,
        part: Bytes,
    },
}
