//! Replays what a resuming socket missed of a stream that a store keeps.

use std::sync::Arc;

use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until},
};

use super::{apply::position_of, worker};
use crate::{
    hub::history::{
        catch_up::{CatchUp, Lost, Outcome, missed},
        lane::{Lane, State, mark_of},
        order::{Found, Told, Waiting},
        reader::{Reader, Room},
        sequencer::Last,
        store::Shared,
        streams::{Kept, Streams},
    },
    protocol::Position,
};

/// How far it has come.
enum Step {
    Done(CatchUp),
    Wait(oneshot::Receiver<Told>),
    Sleep(Instant),
}

impl Streams {
    /// Returns what a socket missed of a stream since a position, or where the stream is now: from the
    /// ring, or else from the store, of which all sockets of a stream that come at the time ask together.
    ///
    /// Since `since` or later, broadcasts must select the socket and its gate be shut. What the answer holds,
    /// the live sockets have too.
    ///
    /// Cancel safe.
    pub(in crate::hub::history) async fn catch_up_shared(
        self: &Arc<Self>,
        kept: Kept<'_>,
        from: Option<&Position>,
        (reader, since): (&Reader<'_>, Instant),
        room: &mut Room,
    ) -> CatchUp {
        let Some(shared) = self.shared() else {
            return self.catch_up(kept, from, reader, room);
        };
        let mut found = None;
        for _ in 0..MAX_STEPS {
            worker::start(self, shared);
            let step = self.with_lane(kept, |lane, state| {
                self.step(shared, lane, state, found, from, (reader, since), room)
            });
            match step {
                Step::Done(caught_up) => return caught_up,
                Step::Sleep(until) => sleep_until(until).await,
                Step::Wait(told) => match told.await {
                    Ok(Told::Read(it)) => found = Some(it),
                    Ok(Told::Failed) | Err(_) => break,
                },
            }
        }
        self.with_lane(kept, |lane, state| {
            lost(lane, place(state), Lost::Unavailable)
        })
    }

    /// Returns where a lane is for a socket that has all from now on, or a void position. If the store can
    /// say it, it is asked, and then all of the lane's sockets that follow it are told.
    pub(in crate::hub::history) fn place_shared(
        self: &Arc<Self>,
        shared: &Arc<Shared>,
        lane: &Arc<Lane>,
        state: &mut State,
    ) -> Position {
        let now = state.used;
        let Some(order) = &mut state.order else {
            return position_of(lane, None);
        };
        // While an earlier message may come late, no place is behind it.
        let is_beginning = order.sequencer.beginning(now).is_some();
        let at = order.place().filter(|_| !is_beginning);
        if at.is_none() && !order.is_open() {
            worker::start(self, shared);
            order.catching.has_newcomers = true;
            self.read_for_waiting(shared, lane, state);
        }
        position_of(lane, at)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "it is the body of the loop above"
    )]
    fn step(
        &self,
        shared: &Shared,
        lane: &Arc<Lane>,
        state: &mut State,
        found: Option<Found>,
        from: Option<&Position>,
        (reader, since): (&Reader<'_>, Instant),
        room: &mut Room,
    ) -> Step {
        let now = state.used;
        self.change(state, |ring| ring.expire(&lane.keep, now));
        let is_open = state
            .order
            .as_ref()
            .is_some_and(|order| order.sequencer.is_open());
        if is_open {
            // What no store holds may be missing.
            return Step::Done(match from {
                Some(_) => lost(lane, None, Lost::Gap),
                None => recovered(lane, None, Vec::new()),
            });
        }
        let order = state.order.as_ref();
        let unplaced = order.and_then(|order| order.unplaced);
        if let (Some(_), true) = (from, unplaced.is_some_and(|at| at >= since)) {
            // It waits behind the gate, where a replayed duplicate could not be recognized.
            return Step::Done(lost(lane, place(state), Lost::Gap));
        }
        let beginning = order.and_then(|order| order.sequencer.beginning(now));
        match (beginning, from) {
            // It must not get twice what may come late.
            (Some(until), Some(_)) => return Step::Sleep(until),
            // What may come late is behind no place, so it is told later where it begins.
            (Some(_), None) => {
                if let Some(order) = &mut state.order {
                    order.catching.has_newcomers = true;
                }
                return Step::Done(recovered(lane, None, Vec::new()));
            }
            (None, _) => {}
        }
        // A node that is gone may have had a message stored that has come nowhere.
        let is_confirmed = order.is_some_and(|order| order.confirmed.is_some_and(|at| at >= since));
        let after = match (place(state), from) {
            (Some(at), None) => return Step::Done(recovered(lane, Some(at), Vec::new())),
            (Some(at), Some(from)) => {
                let mut left = *room;
                match missed(lane, state, from, reader, &mut left) {
                    Ok(frames) if is_confirmed => {
                        *room = left;
                        return Step::Done(recovered(lane, Some(at), frames));
                    }
                    Ok(_) => {
                        let last = Some((at.epoch, at.offset));
                        return self.wait_for_read(shared, lane, state, last);
                    }
                    // What is here is more than it may be sent.
                    Err(why) if is_here(state, from) => {
                        return Step::Done(lost(lane, Some(at), why));
                    }
                    Err(_) => Some((from.epoch(), from.offset())),
                }
            }
            (None, from) => from.map(|from| (from.epoch(), from.offset())),
        };
        if let (Some(why), at @ Some(_)) = (after.zip(found).and_then(why_lost), place(state)) {
            return Step::Done(lost(lane, at, why));
        }
        self.wait_for_read(shared, lane, state, after)
    }

    /// Has a socket wait for what the store has after an epoch and offset, or for where the stream is.
    fn wait_for_read(
        &self,
        shared: &Shared,
        lane: &Arc<Lane>,
        state: &mut State,
        after: Option<(u64, u64)>,
    ) -> Step {
        let Some(order) = &mut state.order else {
            return Step::Done(lost(lane, None, Lost::Unavailable));
        };
        let after = after.filter(|(epoch, _)| *epoch != 0 && !lane.keep.is_latest);
        let (tell, told) = oneshot::channel();
        order.catching.waiting.push(Waiting { after, tell });
        self.read_for_waiting(shared, lane, state);
        Step::Wait(told)
    }
}

/// Returns why a socket cannot have what came after an epoch and offset, if a read has found out.
fn why_lost(((epoch, offset), found): ((u64, u64), Found)) -> Option<Lost> {
    if found.epoch != epoch {
        Some(Lost::Elsewhere)
    } else if !found.is_complete {
        Some(Lost::Expired)
    } else if found.scar > offset {
        Some(Lost::Gap)
    } else {
        None
    }
}

/// Whether the ring holds all that came after a position, so that the store knows no more.
fn is_here(state: &State, from: &Position) -> bool {
    from.epoch() == state.epoch && state.ring.reaches_back_to(from.offset())
}

/// Returns the place up to which the sockets of a lane have all, if it is known.
fn place(state: &State) -> Option<Last> {
    state.order.as_ref()?.place()
}

fn recovered(lane: &Lane, at: Option<Last>, frames: Vec<crate::frame::Frame>) -> CatchUp {
    let missed = frames.len();
    caught_up(lane, at, Outcome::Recovered { missed }, frames)
}

fn lost(lane: &Lane, at: Option<Last>, why: Lost) -> CatchUp {
    caught_up(lane, at, Outcome::Lost(why), Vec::new())
}

fn caught_up(
    lane: &Lane,
    at: Option<Last>,
    outcome: Outcome,
    frames: Vec<crate::frame::Frame>,
) -> CatchUp {
    let position = position_of(lane, at);
    CatchUp {
        outcome,
        frames,
        position,
        mark: mark_of(&position),
    }
}

/// How often a socket may wait for a read: for one that is under way, for its own, and for what came
/// meanwhile.
const MAX_STEPS: usize = 6;
