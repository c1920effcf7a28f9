//! The steps of a socket that resumes its streams: what comes meanwhile waits behind what it missed.

use std::{mem, sync::Arc};

use tokio::sync::oneshot;

use super::{
    gate::{Awaited, Gate},
    outbox::{Backlog, Outbox, Push},
    overflow::fits,
    queued::{Kind, Queued},
    state::{Phase, State, Wake},
};
use crate::frame::{Frame, StreamMark};

/// What leaves when a gate opens, before what waits.
#[derive(Debug)]
pub(in crate::hub) struct Opening {
    /// Tells the client what follows.
    pub(in crate::hub) first: Frame,
    /// What the client missed, in the order of each stream.
    pub(in crate::hub) replay: Vec<Frame>,
    /// The last message of each stream that the client has from before.
    pub(in crate::hub) seen: Vec<StreamMark>,
}

impl Outbox {
    /// Has messages wait from now on. What is queued already passes.
    pub(in crate::hub) fn shut_gate(&self, awaited: Arc<dyn Awaited>) {
        let mut state = self.state();
        if matches!(state.phase, Phase::Open) {
            state.phase = Phase::Gated(Box::new(Gate::new(awaited)));
        }
    }

    /// Lets out what is to come first, then what waits. Returns whether the gate was shut, and what that
    /// wakes; if it was open, it gave up, or the socket is closing.
    ///
    /// A message that was missed and waits as well leaves where it waits, so that what one caller sent
    /// keeps its order. What the client is told that it gets is no broadcast any more, which an overflow
    /// could drop.
    pub(in crate::hub) fn open_gate(&self, opening: Opening) -> (bool, Option<Wake>) {
        let mut state = self.state();
        let Some(gate) = state.take_gate() else {
            return (false, None);
        };
        let mut held: Vec<_> = gate.waiting.iter().filter_map(Queued::mark).collect();
        held.sort_unstable();
        let frames = 1 + opening.replay.len() + gate.waiting.len();
        state.queue.reserve_exact(frames);
        self.enqueue(&mut state, opening.first, Kind::Reply);
        let mut missed = Vec::with_capacity(opening.replay.len());
        for frame in opening.replay {
            let mark = frame.mark();
            missed.extend(mark);
            if mark.is_none_or(|mark| held.binary_search(&mark).is_err()) {
                self.enqueue(&mut state, frame, Kind::Reply);
            }
        }
        missed.sort_unstable();
        for queued in gate.waiting {
            let mark = queued.mark();
            if mark.is_some_and(|mark| opening.seen.iter().any(|seen| seen.covers(mark))) {
                self.counters.release(queued.frame.cost());
            } else if mark.is_some_and(|mark| missed.binary_search(&mark).is_ok()) {
                state.enqueue(queued.frame, Kind::Reply);
            } else {
                state.enqueue(queued.frame, queued.kind);
            }
        }
        (true, state.wake_if_idle())
    }

    /// Whether the gate is shut.
    pub(in crate::hub) fn is_gated(&self) -> bool {
        self.state().is_gated()
    }

    /// Returns what is ready once the gate is open, if it is shut.
    pub(in crate::hub) fn gate_opened(&self) -> Option<oneshot::Receiver<()>> {
        let mut state = self.state();
        let Phase::Gated(gate) = &mut state.phase else {
            return None;
        };
        let (open, opened) = oneshot::channel();
        gate.open = Some(open);
        Some(opened)
    }

    /// Returns what the messages in the queue and behind the gate cost.
    pub(in crate::hub) fn bytes(&self) -> usize {
        let state = self.state();
        state.bytes + state.held_back()
    }

    /// Returns how many messages wait that a client has once it has those of this mark.
    pub(in crate::hub) fn waiting_up_to(&self, mark: StreamMark) -> usize {
        match &self.state().phase {
            Phase::Gated(gate) => {
                let marks = gate.waiting.iter().filter_map(Queued::mark);
                marks.filter(|&waiting| mark.covers(waiting)).count()
            }
            Phase::Open | Phase::Closing(_) | Phase::Finished => 0,
        }
    }

    /// Has a message wait, or opens the gate if there is no room. To be called while it is shut.
    ///
    /// What waits gets half of the queue, so that the other half is there for what was missed.
    pub(super) fn hold_back(
        &self,
        state: &mut State,
        frame: &Frame,
        kind: Kind,
        reserved: usize,
    ) -> (Push, Option<Wake>) {
        if let Phase::Gated(gate) = &mut state.phase {
            let bound = (self.limit / 2).min(reserved.max(gate.bytes));
            if fits(gate.bytes, frame.cost(), bound) {
                self.counters.charge(frame.cost());
                gate.bytes += frame.cost();
                gate.waiting.push_back(Queued::new(frame.clone(), kind));
                return (Push::Queued, None);
            }
        }
        self.give_up(state);
        self.admit(state, frame, kind, reserved)
    }

    /// Opens the gate without what was missed, and tells the client so.
    pub(super) fn give_up(&self, state: &mut State) {
        if let Some(gate) = state.take_gate() {
            self.enqueue(state, gate.awaited.give_up(), Kind::Reply);
            for queued in gate.waiting {
                state.enqueue(queued.frame, queued.kind);
            }
        }
    }

    /// Ends the gate of a socket that is closed.
    ///
    /// The client gets no message of a stream that follows others which it missed: it would ask for
    /// those no more when it resumes.
    pub(super) fn close_gate(&self, state: &mut State, backlog: Backlog) {
        let Some(gate) = state.take_gate() else {
            return;
        };
        for queued in gate.waiting {
            let comes_again = queued.mark().is_some_and(|mark| !mark.is_void());
            if backlog == Backlog::Discard || comes_again {
                self.lose(state);
                self.counters.release(queued.frame.cost());
            } else {
                state.enqueue(queued.frame, queued.kind);
            }
        }
    }

    /// Adds a message whose bytes are not charged to the hub yet.
    fn enqueue(&self, state: &mut State, frame: Frame, kind: Kind) {
        self.counters.charge(frame.cost());
        state.enqueue(frame, kind);
    }
}

impl State {
    /// Returns what the messages behind the gate cost.
    pub(super) fn held_back(&self) -> usize {
        match &self.phase {
            Phase::Gated(gate) => gate.bytes,
            Phase::Open | Phase::Closing(_) | Phase::Finished => 0,
        }
    }

    /// Whether messages wait for a gate to open.
    pub(super) fn is_gated(&self) -> bool {
        matches!(self.phase, Phase::Gated(_))
    }

    /// Opens the gate, and returns it if it was shut.
    fn take_gate(&mut self) -> Option<Gate> {
        match mem::take(&mut self.phase) {
            Phase::Gated(gate) => Some(*gate),
            phase => {
                self.phase = phase;
                None
            }
        }
    }
}
