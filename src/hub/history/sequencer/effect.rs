//! What a sequencer works on, and what it has its node do.

use std::sync::Arc;

use crate::hub::cluster::Placed;

/// Where an entry stands in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hub::history) struct Place {
    pub(in crate::hub::history) epoch: u64,
    pub(in crate::hub::history) offset: u64,
    /// The offset of the entry before it, 0 if there is none, `None` if the store did not say.
    pub(in crate::hub::history) previous: Option<u64>,
    pub(in crate::hub::history) id: u64,
}

/// What an entry holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::hub::history) enum Body<T> {
    Message(T),
    /// Nothing, since its message went to the sockets before it had a place.
    Passed,
    Scar(Scar),
    /// What no node can have written.
    Garbage,
}

/// An entry without a message: what stands before it in the stream may lack messages that went to sockets
/// but are not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::hub::history) struct Scar {
    /// Which messages are not stored.
    pub(in crate::hub::history) ids: Arc<[u64]>,
    /// Whether there were more.
    pub(in crate::hub::history) has_more: bool,
}

/// What is to be done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::hub::history) enum Effect<T> {
    /// Goes to this node's sockets.
    Deliver {
        id: u64,
        message: T,
        place: Option<Place>,
        /// Whether its position must not be resumed from.
        is_void: bool,
    },
    /// An entry has passed of which the sockets get nothing now, and may have had a message before.
    Pass(Place),
    /// Goes to the other nodes. Without a place its position is void.
    Forward {
        id: u64,
        place: Option<Place>,
        body: Body<T>,
    },
    /// Asks the store for what comes after.
    Read(Last),
    /// Sockets lack messages. What comes now follows on the place given, or on an unknown one.
    TellGap(Option<Last>),
    /// Has the store append a scar.
    Scar { id: u64, scar: Scar },
}

/// The entry that was delivered last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hub::history) struct Last {
    pub(in crate::hub::history) epoch: u64,
    pub(in crate::hub::history) offset: u64,
    /// Not known of one that was skipped.
    pub(in crate::hub::history) id: Option<u64>,
}

/// What a store has answered, with the bodies of entries decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::hub::history) struct Answer<T> {
    pub(in crate::hub::history) epoch: u64,
    pub(in crate::hub::history) top: u64,
    pub(in crate::hub::history) top_id: u64,
    /// The id of the entry after which was asked, if it is still there.
    pub(in crate::hub::history) anchor: Option<u64>,
    pub(in crate::hub::history) is_complete: bool,
    pub(in crate::hub::history) entries: Vec<(Place, Body<T>)>,
}

/// How many bytes a message takes while it is held back.
pub(in crate::hub::history) trait Weight {
    fn weight(&self) -> usize;
}

impl Place {
    /// Returns the place of an entry that another node tells of, if it has one.
    pub(in crate::hub::history) fn told(placed: Placed) -> Option<Self> {
        // Offsets that cannot be are none.
        (placed.epoch != 0 && placed.offset != 0).then_some(Self {
            epoch: placed.epoch,
            offset: placed.offset,
            previous: placed.previous,
            id: placed.id,
        })
    }

    /// Returns what other nodes are told of an entry.
    pub(in crate::hub::history) fn tell(id: u64, place: Option<Self>) -> Placed {
        Placed {
            epoch: place.map_or(0, |place| place.epoch),
            offset: place.map_or(0, |place| place.offset),
            previous: place.and_then(|place| place.previous),
            id,
        }
    }
}

impl From<Place> for Last {
    fn from(place: Place) -> Self {
        Self {
            epoch: place.epoch,
            offset: place.offset,
            id: Some(place.id),
        }
    }
}

impl<T> Answer<T> {
    pub(super) fn top(&self) -> Last {
        Last {
            epoch: self.epoch,
            offset: self.top,
            id: Some(self.top_id),
        }
    }
}
