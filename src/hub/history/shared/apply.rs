//! Applies sequencer effects to the ring, the sockets and other nodes.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use super::{entry, worker};
use crate::{
    frame::{Frame, StreamMark},
    hub::{
        cluster::Placed,
        history::{
            entry::Entry,
            lane::{Lane, State, mark_of, positioned_as},
            order::{Order, Sent, Settling},
            ring::{self, Ring},
            sequencer::{Body, Effect, Last, Place, Sequencer},
            store::{Append, Purpose, Shared, Sockets},
            streams::{Kept, Streams},
        },
    },
    protocol::{Position, Recipient, RecipientType, StreamRef},
    sync::{Delivering, atomic::Ordering::Relaxed},
};

impl Streams {
    /// Takes a message of this node, which the sockets get when the store has given it a place, or after
    /// 250 ms without one. `None` without a store.
    ///
    /// To be called without a lock.
    pub(in crate::hub) fn submit(
        self: &Arc<Self>,
        kept: Kept<'_>,
        recipients: &[Recipient],
        plain: &Frame,
    ) -> Option<Arc<Settling>> {
        let shared = self.shared()?;
        let sent = Sent::new(recipients, plain.clone());
        let bytes = entry::write(&Body::Message(sent.clone()));
        let id = self.next_id();
        let has_worker = worker::start(self, shared);
        shared.make_room(kept.stream, bytes.len());
        let settling = self.with_lane(kept, |lane, state| {
            let now = state.used;
            let settling = Arc::new(Settling::new(now));
            let order = state.order.as_mut()?;
            order.settling.insert(id, settling.clone());
            let append = Append {
                lane: lane.clone(),
                id,
                entry: bytes,
            };
            let effects = if has_worker && shared.queue_append(append) {
                order.sequencer.publish(id, sent, now);
                Vec::new()
            } else {
                order.sequencer.publish_void(id, sent, now)
            };
            self.apply(shared, lane, state, effects);
            Some(settling)
        });
        self.keep_bound();
        settling
    }

    /// Takes an entry that another node has had appended, or was to: the sender.
    pub(in crate::hub) fn arrive(
        self: &Arc<Self>,
        kept: Kept<'_>,
        sender: u64,
        recipients: &[Recipient],
        placed: Placed,
        bytes: &Bytes,
    ) {
        let Some(shared) = self.shared() else {
            return;
        };
        worker::start(self, shared);
        shared.make_room(kept.stream, bytes.len());
        let (body, _) = entry::read(bytes, Some(recipients), kept.stream, self.default_audience);
        self.with_lane(kept, |lane, state| {
            let now = state.used;
            self.act(shared, lane, state, |sequencer| {
                match (Place::told(placed), body) {
                    (Some(place), body) => sequencer.arrived(place, body, sender, now),
                    (None, Body::Message(sent)) => {
                        sequencer.arrived_void(placed.id, sent, sender, now)
                    }
                    // What no node sends.
                    (None, _) => Vec::new(),
                }
            });
        });
        self.keep_bound();
    }

    /// Has a lane's sequencer do something, and does what follows.
    pub(super) fn act(
        &self,
        shared: &Shared,
        lane: &Arc<Lane>,
        state: &mut State,
        act: impl FnOnce(&mut Sequencer<Sent>) -> Vec<Effect<Sent>>,
    ) {
        if let Some(order) = &mut state.order {
            let effects = act(&mut order.sequencer);
            self.apply(shared, lane, state, effects);
        }
    }

    fn apply(
        &self,
        shared: &Shared,
        lane: &Arc<Lane>,
        state: &mut State,
        effects: Vec<Effect<Sent>>,
    ) {
        if !effects.is_empty() {
            // Without it the hub is gone, and with it all sockets.
            if let Some(sockets) = shared.sockets.upgrade() {
                let _delivering = Delivering::begin();
                for effect in effects {
                    self.do_one(shared, &*sockets, lane, state, effect);
                }
            }
            self.follow(lane, state);
        }
        let now = Instant::now();
        if let Some(order) = &mut state.order {
            if let Some(at) = order.place_of_newcomers(now) {
                tell_place(shared, lane, at);
            }
            let due = order.sequencer.due(now);
            if let Some(at) = due.filter(|at| order.due.is_none_or(|due| *at < due)) {
                order.due = Some(at);
                shared.look_at(at, lane);
            }
        }
    }

    fn do_one(
        &self,
        shared: &Shared,
        sockets: &dyn Sockets,
        lane: &Arc<Lane>,
        state: &mut State,
        effect: Effect<Sent>,
    ) {
        match effect {
            Effect::Deliver {
                id,
                message,
                place,
                is_void,
            } => self.deliver(shared, sockets, lane, state, (id, message, place, is_void)),
            Effect::Pass(place) => {
                self.begin_ring(state, place.epoch, Ring::after(ring_place(place)));
            }
            Effect::Forward { id, place, body } => {
                let placed = Place::tell(id, place);
                let bytes = entry::write(&body);
                let forwarding = match &body {
                    Body::Message(sent) => sockets.forward(sent.recipients(), placed, &bytes),
                    Body::Passed | Body::Scar(_) | Body::Garbage => {
                        sockets.forward(&[lane_recipient(lane)], placed, &bytes)
                    }
                };
                if let Some(order) = &mut state.order {
                    let settling = order.settling.get(&id);
                    if settling.is_some_and(|settling| settling.forwarded(forwarding)) {
                        order.settling.remove(&id);
                    }
                }
            }
            Effect::Read(after) => shared.queue_read(lane, Purpose::Order(after)),
            Effect::TellGap(at) => {
                shared.totals.gaps.fetch_add(1, Relaxed);
                let position = position_of(lane, at);
                tracing::debug!(%position, "messages of a stream are missing");
                sockets.tell_followers(&lane.name, &lane.gap(&position));
            }
            Effect::Scar { id, scar } => {
                let append = Append {
                    lane: lane.clone(),
                    id,
                    entry: entry::write(&Body::Scar(scar)),
                };
                if let (false, Some(order)) = (shared.queue_append(append), &mut state.order) {
                    order.sequencer.failed(id, Instant::now());
                }
            }
        }
    }

    fn deliver(
        &self,
        shared: &Shared,
        sockets: &dyn Sockets,
        lane: &Lane,
        state: &mut State,
        (id, sent, place, is_void): (u64, Sent, Option<Place>, bool),
    ) {
        let mark = place.map(|place| StreamMark {
            stream: lane.hash,
            epoch: place.epoch,
            offset: place.offset,
        });
        let is_unplaced = place.is_none();
        let place = place.filter(|_| !is_void);
        let position = position_of(lane, place.map(Last::from));
        let mark = mark.unwrap_or(mark_of(&position));
        // What is not a message has no position to carry.
        let with = |position: &Position| {
            let frame = positioned_as(sent.plain(), position, mark);
            frame.unwrap_or_else(|| sent.plain().clone())
        };
        let frame = with(&position);
        match place {
            Some(place) => {
                let entry = Entry {
                    offset: place.offset,
                    tag: place.id as u32,
                    at: state.used,
                    frame: frame.clone(),
                    excludes: Entry::excludes_of(sent.recipients()),
                };
                self.remember(lane, state, place, entry);
                self.totals.appended.fetch_add(1, Relaxed);
            }
            None => _ = shared.totals.void.fetch_add(1, Relaxed),
        }
        let order = state.order.as_ref();
        let is_beginning =
            order.is_some_and(|order| order.sequencer.beginning(state.used).is_some());
        let frame = if is_beginning {
            // An earlier one may still come.
            with(&position_of(lane, None))
        } else {
            frame
        };
        let report = sockets.deliver(sent.recipients(), &frame);
        if let Some(order) = &mut state.order {
            if is_unplaced {
                order.unplaced = Some(Instant::now());
            }
            let settling = order.settling.get(&id);
            let position = place.map(|_| position);
            if settling.is_some_and(|settling| settling.delivered(report, position)) {
                order.settling.remove(&id);
            }
        }
    }

    /// Adds an entry to the ring, which begins anew if it does not follow.
    fn remember(&self, lane: &Lane, state: &mut State, place: Place, entry: Entry) {
        let top = state.ring.top().offset;
        if state.epoch != place.epoch || place.previous != Some(top) {
            let offset = place.previous.unwrap_or(place.offset - 1);
            self.begin_ring(state, place.epoch, Ring::after_offset(offset));
        }
        self.change(state, |ring| {
            ring.push(entry, &lane.keep, self.max_ring_bytes);
        });
    }

    fn begin_ring(&self, state: &mut State, epoch: u64, begun: Ring) {
        state.epoch = epoch;
        self.change(state, |ring| *ring = begun);
    }

    /// Has the ring end with the entry that was delivered last.
    pub(super) fn follow(&self, lane: &Lane, state: &mut State) {
        let Some(last) = state
            .order
            .as_ref()
            .and_then(|order| order.sequencer.last())
        else {
            return;
        };
        if (state.epoch, state.ring.top().offset) != (last.epoch, last.offset) {
            let place = |id| lane.place(last.epoch, last.offset, id);
            let begun = match last.id {
                Some(0) => Ring::fresh(place(0)),
                Some(id) => Ring::after(place(id)),
                None => Ring::after_offset(last.offset),
            };
            self.begin_ring(state, last.epoch, begun);
        }
    }
}

/// Tells sockets that have entered where the stream is. Others that hear it are there, too.
fn tell_place(shared: &Shared, lane: &Lane, at: Last) {
    if let Some(sockets) = shared.sockets.upgrade() {
        let _delivering = Delivering::begin();
        let position = position_of(lane, Some(at));
        sockets.tell_followers(&lane.name, &lane.whole(&position));
    }
}

impl Order {
    /// Returns where the stream goes on for a socket that has all until now, if that is known.
    pub(super) fn place(&self) -> Option<Last> {
        let last = self.sequencer.last()?;
        (last.id.is_some() && !self.sequencer.is_open()).then_some(last)
    }

    /// Returns where sockets begin that entered when that was not known, once it is. They are not asked for
    /// again.
    fn place_of_newcomers(&mut self, now: Instant) -> Option<Last> {
        let is_settled = self.sequencer.beginning(now).is_none();
        let at = self
            .place()
            .filter(|_| self.catching.has_newcomers && is_settled)?;
        self.catching.has_newcomers = false;
        Some(at)
    }
}

/// Returns a place as clients know it: void, from which nothing is resumed, if there is none.
pub(super) fn position_of(lane: &Lane, at: Option<Last>) -> Position {
    match at {
        Some(Last {
            epoch,
            offset,
            id: Some(id),
        }) => lane.position(epoch, lane.place(epoch, offset, id)),
        Some(Last { id: None, .. }) | None => Position::void(lane.hash),
    }
}

pub(super) fn ring_place(place: Place) -> ring::Place {
    ring::Place {
        offset: place.offset,
        tag: place.id as u32,
    }
}

/// Returns what names a stream to other nodes.
fn lane_recipient(lane: &Lane) -> Recipient {
    match lane.name.as_ref() {
        StreamRef::Group(group) => Recipient::new(RecipientType::Group, group),
        StreamRef::User(user) => Recipient::new(RecipientType::User, user),
        StreamRef::All => Recipient::new(RecipientType::All, ""),
    }
}
