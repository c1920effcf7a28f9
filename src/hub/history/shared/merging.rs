//! Merges a page of the store into the sequencer and the ring.

use std::{mem, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    apply::{position_of, ring_place},
    entry,
};
use crate::{
    history::Page,
    hub::history::{
        entry::Entry,
        lane::{Lane, State, positioned},
        order::{Found, Sent, Told},
        ring,
        sequencer::{Answer, Body, Last, Place},
        store::{Purpose, Shared},
        streams::Streams,
    },
    sync::atomic::Ordering::Relaxed,
};

/// A page whose entries are read, each with its age.
struct Decoded {
    answer: Answer<Sent>,
    ages: Vec<Duration>,
}

impl Streams {
    /// Takes the answer to what the sequencer has asked, or `None` if there is none.
    pub(super) fn continue_order(
        &self,
        shared: &Shared,
        lane: &Arc<Lane>,
        after: Last,
        page: Option<Page>,
        began: Instant,
    ) {
        let found = page.as_ref().map(|page| (page.epoch, page.top));
        let decoded = page.map(|page| self.decode(shared, lane, page));
        let mut state = lane.lock();
        let now = Instant::now();
        self.act(shared, lane, &mut state, |sequencer| match decoded {
            Some(decoded) => sequencer.read(after, decoded.answer, now),
            None => {
                sequencer.read_failed(now);
                Vec::new()
            }
        });
        if let (Some((epoch, top)), Some(order)) = (found, &mut state.order) {
            order.confirm(epoch, top, began);
        }
    }

    /// Takes the answer to what resuming sockets have asked, and tells them.
    pub(super) fn continue_catching(
        &self,
        shared: &Shared,
        lane: &Arc<Lane>,
        after: Option<(u64, u64)>,
        page: Option<Page>,
        began: Instant,
    ) {
        let found = page.as_ref().map(|page| (page.epoch, page.top));
        let decoded = page.map(|page| self.decode(shared, lane, page));
        let mut state = lane.lock();
        let told = match decoded {
            Some(decoded) => Told::Read(self.merge(shared, lane, &mut state, after, decoded)),
            None => Told::Failed,
        };
        if let Some(order) = &mut state.order {
            if let Some((epoch, top)) = found {
                order.confirm(epoch, top, began);
            }
            order.catching.is_reading = false;
            match told {
                Told::Read(found) => {
                    order.catching.is_narrowing |= !found.is_complete && after.is_some();
                }
                // Their positions stay void.
                Told::Failed => order.catching.has_newcomers = false,
            }
            let waiting = mem::take(&mut order.catching.waiting);
            for waiting in waiting {
                if told.is_for(after, waiting.after) {
                    // One that does not wait any more has nothing to be told.
                    _ = waiting.tell.send(told);
                } else {
                    order.catching.waiting.push(waiting);
                }
            }
        }
        self.read_for_waiting(shared, lane, &mut state);
    }

    /// Has the store read for the sockets that wait, if it does not read for others.
    pub(super) fn read_for_waiting(&self, shared: &Shared, lane: &Arc<Lane>, state: &mut State) {
        let Some(order) = &mut state.order else {
            return;
        };
        let catching = &mut order.catching;
        catching.waiting.retain(|waiting| !waiting.tell.is_closed());
        if catching.is_reading {
            return;
        }
        let first = catching.waiting.first();
        if first.is_none() {
            (catching.has_tried_last, catching.is_narrowing) = (false, false);
            // Where nothing is known of the stream, the store knows where they begin.
            if !catching.has_newcomers || order.sequencer.last().is_some() {
                return;
            }
        }
        let after = first.and_then(|first| first.after).map(|(epoch, _)| {
            let same = catching.waiting.iter().filter_map(|waiting| waiting.after);
            let same = same.filter(|(other, _)| *other == epoch);
            if catching.is_narrowing {
                // So that each read answers half of them, wherever the store's first entry is.
                let mut all: Vec<_> = same.collect();
                let middle = all.len() / 2;
                return *all.select_nth_unstable(middle).1;
            }
            // What the live sockets lack is to come with it.
            let last = order.sequencer.last();
            let last = last.filter(|last| last.epoch == epoch && !catching.has_tried_last);
            let last = last.map(|last| (epoch, last.offset));
            same.chain(last).min().unwrap_or((epoch, 0))
        });
        catching.has_tried_last = true;
        catching.is_reading = true;
        shared.queue_read(lane, Purpose::CatchUp(after));
    }

    /// Feeds the sequencer, and the ring with what the sockets had before.
    fn merge(
        &self,
        shared: &Shared,
        lane: &Arc<Lane>,
        state: &mut State,
        after: Option<(u64, u64)>,
        decoded: Decoded,
    ) -> Found {
        let Decoded { answer, ages } = decoded;
        let now = Instant::now();
        let is_scar =
            |(_, body): &&(Place, Body<Sent>)| matches!(body, Body::Scar(_) | Body::Garbage);
        let scar = answer.entries.iter().rev().find(is_scar);
        let scar = scar.map(|(place, _)| ring_place(*place));
        // Nothing after a scar is missing.
        let epoch = answer.epoch;
        let anchor = after.and_then(|(_, offset)| answer.place_at(lane, offset));
        let begin = scar.or(anchor);
        let scar = scar.map_or(0, |scar| scar.offset);
        let found = Found {
            epoch,
            // A client cannot resume from an offset that the store does not know.
            is_complete: answer.is_complete && (after.is_none() || begin.is_some()),
            scar,
        };
        let entries = answer.entries.iter().zip(ages);
        let entries = entries.filter(|((place, _), _)| place.offset > scar);
        let older: Vec<_> = entries
            .filter_map(|((place, body), age)| old_entry(lane, *place, body, now, age))
            .collect();
        let top = Last {
            epoch,
            offset: answer.top,
            id: Some(answer.top_id),
        };
        let last = state
            .order
            .as_ref()
            .and_then(|order| order.sequencer.last());
        // Asked under the lane's lock: a socket that comes later needs nothing from before.
        let has_live = last.is_none() && shared.has_live_members(lane.name.as_ref());
        self.act(shared, lane, state, |sequencer| {
            if last.is_none() {
                sequencer.begin(top, has_live, now);
                return Vec::new();
            }
            let Some((epoch, offset)) = after else {
                sequencer.ask(now);
                return Vec::new();
            };
            let id = None;
            let after = Last { epoch, offset, id };
            sequencer.feed(after, answer, now)
        });
        self.follow(lane, state);
        if found.is_complete && state.epoch == epoch {
            self.change(state, |ring| ring.extend_back(older, begin));
        }
        found
    }

    fn decode(&self, shared: &Shared, lane: &Lane, page: Page) -> Decoded {
        let mut ages = Vec::with_capacity(page.entries.len());
        let mut previous = None;
        let entries = page.entries.into_iter().map(|stored| {
            let stream = lane.name.as_ref();
            let (body, age) = entry::read(&stored.entry, None, stream, self.default_audience);
            if matches!(body, Body::Garbage) {
                shared.totals.garbage.fetch_add(1, Relaxed);
                tracing::warn!("dropped an entry of the history's store that no node has written");
            }
            ages.push(age);
            let before = previous.replace(stored.offset);
            let place = Place {
                epoch: page.epoch,
                offset: stored.offset,
                previous: Some(before.unwrap_or(stored.previous)),
                id: stored.id,
            };
            (place, body)
        });
        let entries = entries.collect();
        let answer = Answer {
            epoch: page.epoch,
            top: page.top,
            top_id: page.top_id,
            anchor: page.anchor,
            is_complete: page.is_complete,
            entries,
        };
        Decoded { answer, ages }
    }
}

impl Answer<Sent> {
    /// Returns the place at an offset that the store was asked for, if it knows it.
    fn place_at(&self, lane: &Lane, offset: u64) -> Option<ring::Place> {
        let id = match self.anchor {
            Some(id) => id,
            None if offset == self.top => self.top_id,
            None if offset == 0 => 0,
            None => return None,
        };
        Some(lane.place(self.epoch, offset, id))
    }
}

/// Returns an entry as the sockets had it.
fn old_entry(
    lane: &Lane,
    place: Place,
    body: &Body<Sent>,
    now: Instant,
    age: Duration,
) -> Option<Entry> {
    let Body::Message(sent) = body else {
        return None;
    };
    let position = position_of(lane, Some(place.into()));
    Some(Entry {
        offset: place.offset,
        tag: place.id as u32,
        at: now.checked_sub(age).unwrap_or(now),
        frame: positioned(sent.plain(), &position)?,
        excludes: Entry::excludes_of(sent.recipients()),
    })
}

impl Told {
    /// Whether a read answers what a socket waits for.
    fn is_for(self, read: Option<(u64, u64)>, wanted: Option<(u64, u64)>) -> bool {
        let Self::Read(found) = self else {
            return true;
        };
        match (read, wanted) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some((epoch, from)), Some((of, wanted))) if found.is_complete => {
                of != found.epoch || epoch == of && from <= wanted
            }
            // More may be there of what came later.
            (Some(read), Some(wanted)) => {
                wanted.0 != found.epoch || read.0 == wanted.0 && wanted.1 <= read.1
            }
        }
    }
}
