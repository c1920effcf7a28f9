//! The lane of one stream: its messages get their places here, one after the other.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::time::Instant;

use super::{
    order::Order,
    ring::{Place, Ring},
};
use crate::{
    config::Retention,
    frame::{Frame, StreamMark},
    history::StreamKey,
    hub::cluster::Way,
    protocol::{Position, Resumed, ResumedFrame, StreamName},
    sync::{Mutex, MutexGuard, atomic::AtomicBool},
};

/// One stream: what it is, and under its lock how far it has come.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) name: StreamName,
    /// The hash that replaces the name in positions.
    pub(super) hash: u64,
    pub(super) keep: Retention,
    /// Keys the tags of positions that no message produced.
    secret: u128,
    /// By which topic its messages come from other nodes.
    pub(super) way: Way,
    /// Whether a message was delivered without a position since the last break.
    pub(super) passed_by: AtomicBool,
    state: Mutex<State>,
    /// Its key in the store, if there is one.
    store_key: Option<StreamKey>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) epoch: u64,
    pub(super) ring: Ring,
    /// How many breaks of its topic it has noted.
    pub(super) breaks: u64,
    /// When a message was added or read last.
    pub(super) used: Instant,
    /// Since when it is known to have neither messages nor members.
    pub(super) idle_since: Option<Instant>,
    /// The order that a store gives, if there is one.
    pub(super) order: Option<Box<Order>>,
    /// Whether the lane was taken out of the map, so that another one may have its place.
    pub(super) is_forgotten: bool,
}

impl State {
    /// Whether nothing is under way, so that the lane may be forgotten.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        self.order.as_ref().is_none_or(|order| order.is_idle(now))
    }
}

impl Lane {
    pub(super) fn new(
        name: StreamName,
        hash: u64,
        keep: Retention,
        secret: u128,
        epoch: u64,
        breaks: u64,
        order: Option<Order>,
    ) -> Self {
        Self {
            store_key: order.as_ref().map(Order::key),
            way: Way::of(name.as_ref()),
            name,
            hash,
            keep,
            secret,
            passed_by: AtomicBool::new(false),
            state: Mutex::new(State {
                epoch,
                // Unforgeable: otherwise a client could ask for messages from before it came.
                ring: Ring::fresh(beginning(secret, epoch, 0)),
                breaks,
                used: Instant::now(),
                idle_since: None,
                order: order.map(Box::new),
                is_forgotten: false,
            }),
        }
    }

    /// Returns the bytes that the stream counts towards the bound, besides its messages; 0 with a store,
    /// since such a lane is never evicted to make room.
    pub(super) fn cost(&self) -> usize {
        if self.store_key.is_none() {
            COST_OF_LANE
        } else {
            0
        }
    }

    /// Takes the lock. Waits until the message in hand is in the sockets' queues.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Takes the lock if no message is in hand.
    pub(super) fn try_lock(&self) -> Option<MutexGuard<'_, State>> {
        self.state.try_lock()
    }

    /// Returns the stream's key in the store.
    pub(super) fn key(&self) -> Option<StreamKey> {
        self.store_key
    }

    /// Returns the place of an entry in the store. The id of the place before the first one is 0.
    pub(super) fn place(&self, epoch: u64, offset: u64, id: u64) -> Place {
        match id {
            0 => beginning(self.secret, epoch, offset),
            id => Place {
                offset,
                tag: id as u32,
            },
        }
    }

    /// Returns the frame that tells a client that it lacks messages up to a position.
    pub(super) fn gap(&self, position: &Position) -> Frame {
        self.told(position, Resumed::gap(*position))
    }

    /// Returns the frame that tells clients which have all up to a position where they are.
    pub(super) fn whole(&self, position: &Position) -> Frame {
        self.told(position, Resumed::from_now_on(*position))
    }

    /// Marked, so that a client which resumes is not told of what lies before its place.
    fn told(&self, position: &Position, about: Resumed) -> Frame {
        let told = [(&self.name, about)];
        let json = ResumedFrame::new(&told, 0).encode();
        Frame::marked(mark_of(position).of_gap(), json.len(), |out| {
            out.extend_from_slice(&json);
        })
    }

    /// Returns a place of the stream as clients know it.
    pub(super) fn position(&self, epoch: u64, place: Place) -> Position {
        Position::new(self.hash, epoch, place.offset, place.tag)
    }
}

/// Returns the position before the first message. Its tag proves that a client was given it.
fn beginning(secret: u128, epoch: u64, offset: u64) -> Place {
    let mut mac: Hmac<Sha256> =
        Hmac::new_from_slice(&secret.to_be_bytes()).expect("HMAC takes a key of any length");
    mac.update(b"web-connection-socket beginning ");
    mac.update(&epoch.to_be_bytes());
    mac.update(&offset.to_be_bytes());
    let digest: [u8; 32] = mac.finalize().into_bytes().into();
    let tag = u32::from_be_bytes(std::array::from_fn(|at| digest[at]));
    Place { offset, tag }
}

/// Returns a place as queues know it.
pub(super) fn mark_of(position: &Position) -> StreamMark {
    StreamMark {
        stream: position.stream(),
        epoch: position.epoch(),
        offset: position.offset(),
    }
}

/// Adds the position to a message's frame. `None` if this is not the JSON of a message.
pub(super) fn positioned(plain: &Frame, position: &Position) -> Option<Frame> {
    positioned_as(plain, position, mark_of(position))
}

/// Adds a position to a frame, and a mark by which queues know it.
pub(super) fn positioned_as(plain: &Frame, position: &Position, mark: StreamMark) -> Option<Frame> {
    let body = plain.payload().strip_suffix(b"}")?;
    if body.ends_with(b"{") {
        return None;
    }
    let position_text = position.to_string();
    let parts = [
        body,
        KEY.as_bytes(),
        position_text.as_bytes(),
        END.as_bytes(),
    ];
    let room = parts.iter().map(|part| part.len()).sum();
    Some(Frame::marked(mark, room, |json| {
        parts.iter().for_each(|part| json.extend_from_slice(part));
    }))
}

const KEY: &str = ",\"__position\":\"";

const END: &str = "\"}";

/// The bytes that a stream counts towards the bound, besides its messages.
pub(super) const COST_OF_LANE: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::SocketMessage;

    #[test]
    fn the_position_is_the_last_key_of_the_message() {
        let message = SocketMessage::new("a").with_extra("x", &[1]).unwrap();
        let position = Position::new(1, 2, 3, 4);
        let frame = positioned(&Frame::message(&message), &position).expect("it is a message");
        let json = std::str::from_utf8(frame.payload()).unwrap();
        assert!(
            json.ends_with(r#","x":[1],"__position":"1.2.3.4"}"#),
            "{json}"
        );
        let value: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(value["__position"], "1.2.3.4");
        assert_eq!(SocketMessage::from_slice(json.as_bytes()).unwrap(), message);
        assert_eq!(frame.mark(), Some(mark_of(&position)));
    }

    #[test]
    fn what_is_not_a_message_has_no_place() {
        let position = Position::new(1, 2, 3, 4);
        for json in ["", "{}", "[]", "{\"action\":\"a\"} "] {
            assert!(positioned(&Frame::text(json.as_bytes()), &position).is_none());
        }
    }
}
