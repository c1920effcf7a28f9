//! The queue of one socket: messages and control frames go in, tasks and flushers write them out.

use std::{
    io,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use tokio::time::Instant;

use super::{
    queued::{Kind, Queued},
    state::{Drained, Kill, Phase, State},
    transport::{SharedTransport, Transport},
};
use crate::{
    config::Overflow,
    frame::Frame,
    hub::counters::{Counters, Recording, Tally},
    protocol::CloseReason,
    sync::{Mutex, MutexGuard, Writing},
};

/// One socket's outgoing queue: references to shared frames, bounded by the bytes of those frames.
///
/// Broadcasters push. A flusher writes; the socket's own task writes if only it can, or if the peer
/// took no more. The close frame is an entry of the queue like any other, so that what was accepted
/// before it leaves before it.
#[derive(Debug)]
pub(crate) struct Outbox {
    state: Mutex<State>,
    pub(super) limit: usize,
    pub(super) overflow: Overflow,
    pub(super) counters: Arc<Counters>,
}

impl Outbox {
    pub(in crate::hub) fn new(limit: usize, overflow: Overflow, counters: Arc<Counters>) -> Self {
        Self {
            state: Mutex::new(State::default()),
            limit,
            overflow,
            counters,
        }
    }

    /// Lets flushers write to the socket from now on.
    pub(in crate::hub) fn set_transport(&self, transport: Arc<dyn SharedTransport>) {
        self.state().transport = Some(transport);
    }

    /// Queues a ping before everything that is not half written.
    pub(crate) fn ping(&self) {
        self.control(Frame::ping(), Kind::Ping, 1);
    }

    /// Queues the answer to a ping. Beyond [`MAX_PONGS`] the newest replaces the one before, as
    /// RFC 6455 §5.5.3 allows, so that a flood of pings cannot grow the queue.
    pub(crate) fn pong(&self, payload: &[u8]) {
        self.control(Frame::pong(payload), Kind::Pong, MAX_PONGS);
    }

    /// Queues a message that only shows that the connection lives, unless one waits already. From now
    /// on the queue remembers when a message was written.
    pub(crate) fn life_sign(&self) {
        self.state().told_at.get_or_insert_with(Instant::now);
        self.control(Frame::life_sign(), Kind::LifeSign, 1);
    }

    /// Returns when a message was last written, once the socket had its first life sign. Pings and
    /// pongs do not count: no page sees them.
    pub(crate) fn told_at(&self) -> Option<Instant> {
        self.state().told_at
    }

    /// Starts the closing handshake. Returns `false` if it was started before.
    pub(crate) fn close(&self, reason: CloseReason, backlog: Backlog) -> bool {
        let mut state = self.state();
        if !state.takes_messages() {
            return false;
        }
        self.close_gate(&mut state, backlog);
        if backlog == Backlog::Discard {
            self.discard(&mut state);
        }
        let waker = state.close(reason);
        drop(state);
        wake(waker);
        true
    }

    /// Returns why the socket is closing, once [`close`](Self::close) or an overflow began it.
    pub(crate) fn closing(&self) -> Option<CloseReason> {
        match &self.state().phase {
            Phase::Closing(reason) => Some(reason.clone()),
            Phase::Open | Phase::Gated(_) | Phase::Finished => None,
        }
    }

    /// Has the socket's task look at its deadlines again.
    pub(in crate::hub) fn wake(&self) {
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

    /// Notes that the socket's task is at work and will drain the queue: until it has, no frame need
    /// wake it.
    pub(crate) fn attend(&self, cx: &mut Context<'_>) -> Attention {
        let mut state = self.state();
        state.register(cx);
        state.idle = false;
        if state.killed.is_some() {
            return Attention::Killed;
        }
        match &state.phase {
            Phase::Closing(reason) => Attention::Closing(reason.clone()),
            Phase::Open | Phase::Gated(_) | Phase::Finished => Attention::Open,
        }
    }

    /// Returns what a blocked transport is to take next, for the write timeout: the number and length
    /// of the oldest frame that is not wholly written. If all are, it is the last one, of which the
    /// transport itself holds something back.
    pub(crate) fn head(&self) -> (u64, usize) {
        let state = self.state();
        match state.queue.front() {
            Some(head) => (state.completed, head.frame.len()),
            None => (state.completed.wrapping_sub(1), 0),
        }
    }

    /// Takes no more frames, drops those that are left, and lets go of the connection and the task, so
    /// that a handle of the socket keeps none of them alive.
    pub(crate) fn finish(&self) {
        let mut state = self.state();
        state.written = 0;
        self.close_gate(&mut state, Backlog::Discard);
        self.discard(&mut state);
        state.phase = Phase::Finished;
        state.shrink(0);
        let held = (state.transport.take(), state.waker.take());
        drop(state);
        drop(held);
    }

    /// Whether the queue takes what is pushed.
    pub(crate) fn is_open(&self) -> bool {
        self.state().takes_messages()
    }

    /// Returns how many accepted messages were never wholly written.
    pub(crate) fn undelivered(&self) -> u64 {
        self.state().undelivered
    }

    /// Writes what is queued, from the socket's own task. The task has to wait for the transport on
    /// [`Drained::Blocked`].
    ///
    /// # Errors
    ///
    /// If the transport failed.
    pub(crate) fn drain(&self, transport: &mut impl Transport) -> io::Result<Drained> {
        let mut state = self.state();
        let _writing = Writing::begin();
        // The stream may be the host's own, and panic.
        let mut recording = Recording::new(&self.counters);
        let outcome = state
            .write(&mut recording.tally, |slices| transport.try_write(slices))
            .and_then(|()| transport.try_flush());
        drop(recording);
        match outcome {
            Ok(()) => {
                state.idle = true;
                state.shrink(KEPT_WHEN_QUIET);
                Ok(state.drained())
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
    pub(in crate::hub::delivery) fn flush(&self, tally: &mut Tally) -> Drained {
        let mut state = self.state();
        if !matches!(state.phase, Phase::Open) || state.idle {
            return Drained::Empty;
        }
        let Some(written) = state.write_shared(tally) else {
            return Drained::Empty;
        };
        if written.is_ok() {
            state.idle = true;
            state.shrink(KEPT_BETWEEN_BURSTS);
            return state.drained();
        }
        let waker = state.waker.take();
        drop(state);
        wake(waker);
        Drained::Blocked
    }

    /// Takes the lock.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        Self::forbid_in_a_write();
        self.state.lock()
    }

    /// Panics if the caller is the stream of a socket that is being written.
    pub(in crate::hub) fn forbid_in_a_write() {
        assert!(
            !Writing::is_under_way(),
            "the stream of a socket called the hub while it was written, and would wait for itself: \
             `poll_write` and `poll_flush` may only write; have a task of your own do the rest"
        );
    }

    /// Adds a frame of the log, which was within the log's bound. If the socket is closing
    /// already, the message does not reach it.
    pub(super) fn enqueue_broadcast(&self, state: &mut State, frame: &Frame) {
        if matches!(state.phase, Phase::Open) {
            self.counters.charge(frame.cost());
            state.enqueue(frame.clone(), Kind::Broadcast);
        } else {
            self.lose(state);
        }
    }

    /// Drops all but a half-written frame, whose rest the peer needs to read what follows.
    pub(super) fn discard(&self, state: &mut State) {
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
    pub(super) fn lose(&self, state: &mut State) {
        state.undelivered += 1;
        self.counters.undelivered();
    }

    /// Queues a control frame behind those that wait already; `most` of its kind may.
    fn control(&self, frame: Frame, kind: Kind, most: usize) {
        let mut state = self.state();
        if !state.takes_messages() {
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
}

/// What became of a pushed frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Push {
    /// It will be written.
    Queued,
    /// The queue had no room for this broadcast; the socket stays open.
    Dropped,
    /// The queue had no room; the socket is closing now.
    Overflow,
    /// The socket was closing already and does not count as a recipient.
    Closed,
}

/// What the socket's task finds when it comes to its queue.
#[derive(Debug)]
pub(crate) enum Attention {
    Open,
    /// The socket is being closed.
    Closing(CloseReason),
    /// The connection is to be cut off.
    Killed,
}

/// What happens to the queued frames of a socket that is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backlog {
    /// They leave before the close frame.
    Deliver,
    /// They are dropped and counted as undelivered.
    Discard,
}

pub(super) fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// Answers to pings that may wait: a client that sends a few at once wants each answered.
const MAX_PONGS: usize = 16;

/// Frames that an empty queue keeps room for while broadcasts come in bursts.
const KEPT_BETWEEN_BURSTS: usize = 64;

/// The same once the socket's own task looks at it, as it does for every ping.
const KEPT_WHEN_QUIET: usize = 8;
