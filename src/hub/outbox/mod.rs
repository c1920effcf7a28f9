//! One socket's outgoing queue, and what it is written to.

mod follow;
mod overflow;
mod state;
mod transport;

use std::{
    io,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use tokio::time::Instant;

use super::stats::{Counters, Tally};
use crate::{
    config::Overflow,
    frame::Frame,
    protocol::CloseReason,
    sync::{Mutex, MutexGuard, Writing},
};

use self::state::{Phase, Queued, State};
pub(super) use self::{
    follow::Follow,
    overflow::Holding,
    state::{Kind, Wake},
};
pub(crate) use self::{
    state::Kill,
    transport::{SharedTransport, Transport},
};

/// One socket's outgoing queue: references to shared frames, bounded by the bytes of those frames.
///
/// Broadcasters push. A flusher writes, or, where only the socket's own task can, or the peer takes
/// no more, that task does. Closing is an entry of the queue like any other, so that what was
/// accepted before it leaves before it.
#[derive(Debug)]
pub(crate) struct Outbox {
    state: Mutex<State>,
    limit: usize,
    overflow: Overflow,
    counters: Arc<Counters>,
}

impl Outbox {
    pub(crate) fn new(limit: usize, overflow: Overflow, counters: Arc<Counters>) -> Self {
        Self {
            state: Mutex::new(State::default()),
            limit,
            overflow,
            counters,
        }
    }

    /// Lets a flusher write to the socket from now on.
    pub(super) fn share(&self, transport: Arc<dyn SharedTransport>) {
        self.state().transport = Some(transport);
    }

    /// Queues a message's frame and tells whom that wakes.
    ///
    /// Where it would make the queue grow past its bound, or past what the hub allows it, the
    /// overflow policy decides. An empty queue takes any one frame.
    pub(super) fn push(&self, frame: &Frame, kind: Kind, allowance: usize) -> (Push, Wake) {
        self.lock().push(frame, kind, allowance)
    }

    /// Queues a ping before everything that is not half written.
    pub(crate) fn ping(&self) {
        self.control(Frame::ping(), Kind::Ping, 1);
    }

    /// Queues the answer to a ping. Where several are unsent, the newest takes the place of the one
    /// before, as RFC 6455 §5.5.3 allows, so that a flood of pings cannot grow the queue.
    pub(crate) fn pong(&self, payload: &[u8]) {
        self.control(Frame::pong(payload), Kind::Pong, MAX_PONGS);
    }

    /// Queues a message that says nothing but that the connection lives, and remembers from now on
    /// when a message was written. One that waits already is enough.
    pub(crate) fn life_sign(&self) {
        self.state().told_at.get_or_insert_with(Instant::now);
        self.control(Frame::life_sign(), Kind::LifeSign, 1);
    }

    /// When a message was last written, once the socket had its first life sign. Pings and pongs are
    /// none: no page sees them.
    pub(crate) fn told_at(&self) -> Option<Instant> {
        self.state().told_at
    }

    /// Starts the closing handshake; `false` if it was started before.
    pub(crate) fn close(&self, reason: CloseReason, backlog: Backlog) -> bool {
        let mut state = self.state();
        if state.phase != Phase::Open {
            return false;
        }
        if backlog == Backlog::Discard {
            self.discard(&mut state);
        }
        let waker = state.close(reason);
        drop(state);
        wake(waker);
        true
    }

    /// Why the socket is closing, once [`close`](Self::close) or an overflow began it.
    pub(crate) fn closing(&self) -> Option<CloseReason> {
        match &self.state().phase {
            Phase::Closing(reason) => Some(reason.clone()),
            Phase::Open | Phase::Finished => None,
        }
    }

    /// Has the socket's task look at its deadlines again.
    pub(super) fn wake(&self) {
        let waker = self.state().waker.take();
        wake(waker);
    }

    /// Cuts the socket off at its task's next poll.
    pub(crate) fn kill(&self, extent: Kill) {
        let mut state = self.state();
        state.killed = state.killed.max(Some(extent));
        let waker = state.waker.take();
        drop(state);
        wake(waker);
    }

    /// Ready once the socket was killed to this extent.
    pub(crate) fn poll_killed(&self, cx: &mut Context<'_>, extent: Kill) -> Poll<()> {
        let mut state = self.state();
        if state.killed >= Some(extent) {
            return Poll::Ready(());
        }
        state.register(cx);
        Poll::Pending
    }

    /// The socket's task is at work and will drain the queue: until it has, nobody else need wake.
    pub(crate) fn attend(&self, cx: &mut Context<'_>) -> Attention {
        let mut state = self.state();
        state.register(cx);
        state.idle = false;
        if state.killed.is_some() {
            return Attention::Killed;
        }
        match &state.phase {
            Phase::Closing(reason) => Attention::Closing(reason.clone()),
            Phase::Open | Phase::Finished => Attention::Open,
        }
    }

    /// What a blocked transport is to take next, for the stall clock: the number and length of the
    /// oldest frame that is not wholly written. Where all are, it is the last one, of which the
    /// transport itself holds something back.
    pub(crate) fn head(&self) -> (u64, usize) {
        let state = self.state();
        match state.queue.front() {
            Some(head) => (state.completed, head.frame.len()),
            None => (state.completed.wrapping_sub(1), 0),
        }
    }

    /// Takes no more frames, drops those that are left, and lets go of the connection and the task:
    /// whoever keeps a handle of the socket keeps none of them alive.
    pub(crate) fn finish(&self) {
        let mut state = self.state();
        state.written = 0;
        self.discard(&mut state);
        state.phase = Phase::Finished;
        state.give_back(0);
        let held = (state.transport.take(), state.waker.take());
        drop(state);
        drop(held);
    }

    /// Whether it takes what is pushed.
    pub(crate) fn is_open(&self) -> bool {
        self.state().phase == Phase::Open
    }

    /// How many accepted messages were never wholly written.
    pub(crate) fn undelivered(&self) -> u64 {
        self.state().undelivered
    }

    /// Writes what is queued, from the socket's own task, which then has to wait for the transport
    /// if that is [`Drained::Blocked`].
    ///
    /// # Errors
    ///
    /// If the transport failed.
    pub(crate) fn drain(&self, transport: &mut impl Transport) -> io::Result<Drained> {
        let mut state = self.state();
        let _writing = Writing::begin();
        let mut tally = Tally::default();
        let outcome = state
            .write(&mut tally, |slices| transport.try_write(slices))
            .and_then(|()| transport.try_flush());
        self.counters.record(tally);
        match outcome {
            Ok(()) => {
                state.idle = true;
                state.give_back(KEPT_WHEN_QUIET);
                Ok(match state.phase {
                    Phase::Closing(_) => Drained::Closed,
                    Phase::Open | Phase::Finished => match state.followed() {
                        Follow::Rejoin => Drained::Rejoin,
                        Follow::Done | Follow::Blocked(_) => Drained::Empty,
                    },
                })
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                // What a buffering transport took must not wait for room for the rest.
                match transport.try_flush() {
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
                    _ => Ok(Drained::Blocked),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Writes what is queued, from a flusher. What cannot be written at once, and every end, is left
    /// to the socket's own task.
    pub(super) fn flush(&self, tally: &mut Tally) -> Follow {
        let mut state = self.state();
        if state.phase != Phase::Open || state.idle {
            return Follow::Done;
        }
        let Some(transport) = state.transport.take() else {
            return Follow::Done;
        };
        let written = state.write(tally, |slices| transport.try_write(slices));
        state.transport = Some(transport);
        if written.is_ok() {
            state.idle = true;
            state.give_back(KEPT_BETWEEN_BURSTS);
            return state.followed();
        }
        let waker = state.waker.take();
        drop(state);
        wake(waker);
        Follow::Done
    }

    /// Queues a control frame behind those that wait already; `most` of its kind may.
    fn control(&self, frame: Frame, kind: Kind, most: usize) {
        let mut state = self.state();
        if state.phase != Phase::Open {
            return;
        }
        // RFC 6455 §5.4: control frames go between frames, never into one.
        let boundary = usize::from(state.written > 0);
        let queue = &mut state.queue;
        let (mut end, mut same, mut last) = (boundary, 0, None);
        while let Some(queued) = queue.get(end).filter(|queued| queued.kind.is_heartbeat()) {
            if queued.kind == kind {
                (same, last) = (same + 1, Some(end));
            }
            end += 1;
        }
        match last {
            Some(last) if same == most => queue[last].frame = frame,
            _ => queue.insert(end, Queued::new(frame, kind)),
        }
    }

    /// Takes the lock.
    fn state(&self) -> MutexGuard<'_, State> {
        assert!(
            !Writing::is_under_way(),
            "a socket's stream called the hub while it was written, and would wait for itself: let \
             `poll_write` and `poll_flush` only write, and tell a task of your own what else is to do"
        );
        self.state.lock()
    }

    /// Puts a frame of the shard's log into the socket's own queue; the log has made sure of its
    /// bound. Where the socket is closing already, the message does not reach it.
    fn take_over(&self, state: &mut State, frame: &Frame) {
        if state.phase == Phase::Open {
            self.counters.charge(frame.cost());
            state.adopt(frame.clone(), Kind::Broadcast);
        } else {
            self.lose(state);
        }
    }

    /// Drops all but a half-written frame, whose rest the peer needs to read what follows.
    fn discard(&self, state: &mut State) {
        let keep = usize::from(state.written > 0);
        let before = state.bytes;
        while let Some(queued) = state.queue.get(keep) {
            if queued.kind.is_message() {
                self.lose(state);
            }
            state.remove(keep);
        }
        self.counters.release(before - state.bytes);
    }

    /// Counts a message that was accepted and will not reach the socket.
    fn lose(&self, state: &mut State) {
        state.undelivered += 1;
        self.counters.undelivered();
    }
}

/// What became of a pushed frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Push {
    /// It will be written.
    Queued,
    /// The queue had no room for this broadcast; the socket stays.
    Dropped,
    /// The queue had no room; the socket is closing now.
    Overflow,
    /// The socket was closing already and counts no longer.
    Closed,
}

/// What the socket's task finds when it comes to its queue.
#[derive(Debug)]
pub(crate) enum Attention {
    Open,
    /// Somebody closes the socket.
    Closing(CloseReason),
    /// The connection is to be cut off.
    Killed,
}

/// What happens to queued frames when a socket is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backlog {
    /// They leave before the close frame.
    Deliver,
    /// They are dropped and counted as undelivered.
    Discard,
}

/// How far a queue was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drained {
    /// Nothing is left.
    Empty,
    /// Nothing is left, and the shard's flusher can write to the socket again.
    Rejoin,
    /// Nothing is left, and the last frame was our close frame.
    Closed,
    /// The transport takes no more for now.
    Blocked,
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// Answers to pings that may wait: whoever sends a few at once wants each answered.
const MAX_PONGS: usize = 16;

/// Frames that an empty queue keeps room for while broadcasts come in bursts.
const KEPT_BETWEEN_BURSTS: usize = 64;

/// The same once the socket's own task looks at it, as it does for every ping.
const KEPT_WHEN_QUIET: usize = 8;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
