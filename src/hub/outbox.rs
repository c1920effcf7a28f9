use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;

use super::{close::CloseReason, frame::Frame, stats::Counters};

/// What an outbox writes to: a socket's sending half.
pub(crate) trait Transport {
    /// Writes from the slices what the peer's side takes at once and tells how many bytes it was.
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>>;

    /// Pushes out what the transport itself still holds back.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

/// One socket's outgoing queue: references to shared frames, bounded by the bytes of those frames.
///
/// Broadcasters push, the socket's task drains. Closing is an entry of the queue like any other, so
/// that what was accepted before it leaves before it.
#[derive(Debug)]
pub(crate) struct Outbox {
    state: Mutex<State>,
    limit: usize,
    counters: Arc<Counters>,
}

impl Outbox {
    pub(crate) fn new(limit: usize, counters: Arc<Counters>) -> Self {
        Self {
            state: Mutex::new(State::default()),
            limit,
            counters,
        }
    }

    /// Queues a message's frame.
    ///
    /// A queue that would grow past its bound, or past the hub's, is given up: what it holds is
    /// dropped and the socket closes with 1013. An empty queue takes any one frame, so a peer that
    /// reads is never closed for the backlog of others.
    pub(crate) fn push(&self, frame: &Frame) -> Push {
        let mut state = self.state.lock();
        if state.phase != Phase::Open {
            return Push::Closed;
        }
        let full = state.bytes > 0
            && (state.bytes + frame.len() > self.limit || self.counters.is_full(frame.len()));
        let (outcome, waker) = if full {
            self.discard(&mut state);
            (Push::Overflow, state.close(CloseReason::SLOW))
        } else {
            state.bytes += frame.len();
            self.counters.charge(frame.len());
            state
                .queue
                .push_back(Queued::new(frame.clone(), Kind::Data));
            (Push::Queued, state.wake_if_idle())
        };
        drop(state);
        wake(waker);
        outcome
    }

    /// Queues a ping before everything that is not half written.
    pub(crate) fn ping(&self) {
        self.control(Frame::ping(), Kind::Ping);
    }

    /// Queues the answer to a ping. Of several unsent answers only the newest is kept, as
    /// RFC 6455 §5.5.3 allows, so that a flood of pings cannot grow the queue.
    pub(crate) fn pong(&self, payload: &[u8]) {
        self.control(Frame::pong(payload), Kind::Pong);
    }

    /// Starts the closing handshake; `false` if it was started before.
    pub(crate) fn close(&self, reason: CloseReason, backlog: Backlog) -> bool {
        let mut state = self.state.lock();
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
        match &self.state.lock().phase {
            Phase::Closing(reason) => Some(reason.clone()),
            Phase::Open | Phase::Finished => None,
        }
    }

    /// Cuts the socket off at its task's next poll.
    pub(crate) fn kill(&self, extent: Kill) {
        let mut state = self.state.lock();
        state.killed = state.killed.max(Some(extent));
        let waker = state.waker.take();
        drop(state);
        wake(waker);
    }

    /// Ready once the socket was killed to this extent.
    pub(crate) fn poll_killed(&self, cx: &mut Context<'_>, extent: Kill) -> Poll<()> {
        let mut state = self.state.lock();
        if state.killed >= Some(extent) {
            return Poll::Ready(());
        }
        state.register(cx);
        Poll::Pending
    }

    /// The oldest frame that is not wholly written: its number and length. For the stall clock.
    pub(crate) fn head(&self) -> Option<(u64, usize)> {
        let state = self.state.lock();
        state
            .queue
            .front()
            .map(|queued| (state.completed, queued.frame.len()))
    }

    /// Takes no more frames and drops those that are left.
    pub(crate) fn finish(&self) {
        let mut state = self.state.lock();
        state.written = 0;
        self.discard(&mut state);
        state.phase = Phase::Finished;
    }

    /// How many accepted messages were never wholly written.
    pub(crate) fn undelivered(&self) -> u64 {
        self.state.lock().undelivered
    }

    /// Writes what is queued, as many frames in one call as are there.
    ///
    /// `Ready` when the queue is empty (the task is woken by the next push), `Pending` while the
    /// transport takes no more (the task is woken by the transport, and by a close).
    pub(crate) fn poll_drain(
        &self,
        cx: &mut Context<'_>,
        transport: &mut impl Transport,
    ) -> Poll<io::Result<Drained>> {
        let mut state = self.state.lock();
        state.register(cx);
        let mut released = Released::default();
        let outcome = loop {
            if state.queue.is_empty() {
                break transport.poll_flush(cx);
            }
            match state.poll_write(cx, transport) {
                Poll::Ready(Ok(0)) => break Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => state.advance(written, &mut released),
                Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
                // Bytes that a buffering transport took must not wait for room for the next.
                Poll::Pending => match transport.poll_flush(cx) {
                    Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
                    Poll::Ready(Ok(())) | Poll::Pending => break Poll::Pending,
                },
            }
        };
        self.counters.sent(released.frames);
        self.counters.release(released.bytes);
        if state.queue.is_empty() {
            state.idle = true;
            state.give_back();
        }
        let closed = matches!(state.phase, Phase::Closing(_)) && state.queue.is_empty();
        outcome.map_ok(|()| {
            if closed {
                Drained::Closed
            } else {
                Drained::Empty
            }
        })
    }

    fn control(&self, frame: Frame, kind: Kind) {
        let mut state = self.state.lock();
        if state.phase != Phase::Open {
            return;
        }
        // RFC 6455 §5.4: control frames go between frames, never into one.
        let boundary = usize::from(state.written > 0);
        let pending = (boundary..state.queue.len().min(boundary + 2))
            .find(|&index| state.queue[index].kind == kind);
        match pending {
            Some(index) => state.queue[index].frame = frame,
            None => state.queue.insert(boundary, Queued::new(frame, kind)),
        }
        let waker = state.wake_if_idle();
        drop(state);
        wake(waker);
    }

    /// Drops all but a half-written frame, whose rest the peer needs to read what follows.
    fn discard(&self, state: &mut State) {
        let keep = usize::from(state.written > 0);
        let mut released = 0;
        for queued in state.queue.drain(keep.min(state.queue.len())..) {
            if queued.kind == Kind::Data {
                released += queued.frame.len();
                state.undelivered += 1;
                self.counters.undelivered();
            }
        }
        state.bytes -= released;
        self.counters.release(released);
    }
}

/// What became of a pushed frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Push {
    /// It will be written.
    Queued,
    /// The queue had no room; the socket is closing now.
    Overflow,
    /// The socket was closing already and counts no longer.
    Closed,
}

/// What happens to queued frames when a socket is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backlog {
    /// They leave before the close frame.
    Deliver,
    /// They are dropped and counted as undelivered.
    Discard,
}

/// What of a socket is cut off by [`Outbox::kill`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kill {
    /// The connection and what is being dispatched; the disconnect event still comes.
    Connection,
    /// The task, wherever it is.
    Task,
}

/// A queue with nothing left to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drained {
    Empty,
    /// The last frame was our close frame.
    Closed,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Queued>,
    /// Bytes of the first frame that the transport has.
    written: usize,
    /// Bytes of the data frames in the queue.
    bytes: usize,
    /// Frames wholly written so far.
    completed: u64,
    undelivered: u64,
    phase: Phase,
    killed: Option<Kill>,
    /// The task found nothing to do and wants to hear of the next frame.
    idle: bool,
    waker: Option<Waker>,
}

impl State {
    fn register(&mut self, cx: &Context<'_>) {
        match &self.waker {
            Some(waker) if waker.will_wake(cx.waker()) => {}
            _ => self.waker = Some(cx.waker().clone()),
        }
    }

    fn wake_if_idle(&mut self) -> Option<Waker> {
        if std::mem::take(&mut self.idle) {
            self.waker.take()
        } else {
            None
        }
    }

    fn close(&mut self, reason: CloseReason) -> Option<Waker> {
        self.queue
            .push_back(Queued::new(Frame::close(&reason), Kind::Close));
        self.phase = Phase::Closing(reason);
        self.waker.take()
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        transport: &mut impl Transport,
    ) -> Poll<io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let mut used = 0;
        let mut skip = self.written;
        for (slice, queued) in slices.iter_mut().zip(&self.queue) {
            *slice = IoSlice::new(&queued.frame.as_bytes()[skip..]);
            skip = 0;
            used += 1;
        }
        transport.poll_write(cx, &slices[..used])
    }

    fn advance(&mut self, written: usize, released: &mut Released) {
        self.written += written;
        while let Some(head) = self.queue.front() {
            let length = head.frame.len();
            if self.written < length {
                break;
            }
            self.written -= length;
            self.completed += 1;
            if head.kind == Kind::Data {
                self.bytes -= length;
                released.bytes += length;
                released.frames += 1;
            }
            self.queue.pop_front();
        }
    }

    /// Gives the memory of a burst back; a queue of a few frames keeps its place.
    fn give_back(&mut self) {
        if self.queue.capacity() > KEPT_CAPACITY {
            self.queue = VecDeque::new();
        }
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    Closing(CloseReason),
    Finished,
}

#[derive(Debug)]
struct Queued {
    frame: Frame,
    kind: Kind,
}

impl Queued {
    fn new(frame: Frame, kind: Kind) -> Self {
        Self { frame, kind }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Data,
    Ping,
    Pong,
    Close,
}

#[derive(Default)]
struct Released {
    bytes: usize,
    frames: u64,
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

const MAX_SLICES: usize = 64;
const KEPT_CAPACITY: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::stats::Counters;

    /// Takes a limited number of bytes and keeps them.
    #[derive(Default)]
    struct Pipe {
        room: usize,
        taken: Vec<u8>,
        calls: usize,
    }

    impl Transport for Pipe {
        fn poll_write(
            &mut self,
            _: &mut Context<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            self.calls += 1;
            let before = self.taken.len();
            for slice in slices {
                let take = slice.len().min(self.room);
                self.taken.extend_from_slice(&slice[..take]);
                self.room -= take;
            }
            match self.taken.len() - before {
                0 => Poll::Pending,
                written => Poll::Ready(Ok(written)),
            }
        }

        fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn outbox(limit: usize) -> Outbox {
        Outbox::new(limit, Arc::new(Counters::new(usize::MAX)))
    }

    fn drain(outbox: &Outbox, pipe: &mut Pipe, room: usize) -> Poll<Drained> {
        pipe.room = room;
        let mut cx = Context::from_waker(Waker::noop());
        outbox.poll_drain(&mut cx, pipe).map(Result::unwrap)
    }

    #[test]
    fn all_queued_frames_leave_in_one_call() {
        let outbox = outbox(1024);
        for text in ["a", "bc", "def"] {
            assert_eq!(outbox.push(&Frame::text(text.as_bytes())), Push::Queued);
        }
        let mut pipe = Pipe::default();
        assert_eq!(drain(&outbox, &mut pipe, 100), Poll::Ready(Drained::Empty));
        assert_eq!(pipe.taken, b"\x81\x01a\x81\x02bc\x81\x03def");
        assert_eq!(pipe.calls, 1);
    }

    #[test]
    fn a_partial_write_goes_on_at_its_byte() {
        let outbox = outbox(1024);
        outbox.push(&Frame::text(b"hello"));
        outbox.push(&Frame::text(b"world"));
        let mut pipe = Pipe::default();
        for _ in 0..13 {
            assert_eq!(drain(&outbox, &mut pipe, 1), Poll::Pending);
        }
        assert_eq!(drain(&outbox, &mut pipe, 1), Poll::Ready(Drained::Empty));
        assert_eq!(pipe.taken, b"\x81\x05hello\x81\x05world");
    }

    #[test]
    fn an_overflow_drops_the_backlog_and_closes_after_the_frame_in_flight() {
        let outbox = outbox(20);
        let frame = Frame::text(b"12345678");
        assert_eq!(outbox.push(&frame), Push::Queued);
        let mut pipe = Pipe::default();
        assert_eq!(drain(&outbox, &mut pipe, 3), Poll::Pending);
        assert_eq!(outbox.push(&frame), Push::Queued);
        assert_eq!(outbox.push(&frame), Push::Overflow);
        assert_eq!(outbox.push(&frame), Push::Closed);
        assert_eq!(outbox.undelivered(), 1);
        assert_eq!(drain(&outbox, &mut pipe, 100), Poll::Ready(Drained::Closed));
        assert_eq!(pipe.taken, b"\x81\x0812345678\x88\x06\x03\xf5slow");
    }

    #[test]
    fn an_empty_queue_takes_a_frame_that_exceeds_every_bound() {
        let outbox = Outbox::new(4, Arc::new(Counters::new(1)));
        assert_eq!(outbox.push(&Frame::text(b"longer")), Push::Queued);
        assert_eq!(outbox.push(&Frame::text(b"longer")), Push::Overflow);
    }

    #[test]
    fn pongs_are_coalesced_and_never_split_a_frame() {
        let outbox = outbox(1024);
        outbox.push(&Frame::text(b"one"));
        outbox.push(&Frame::text(b"two"));
        let mut pipe = Pipe::default();
        assert_eq!(drain(&outbox, &mut pipe, 2), Poll::Pending);
        for number in 0..1000u32 {
            outbox.pong(&number.to_be_bytes());
            outbox.ping();
        }
        assert_eq!(drain(&outbox, &mut pipe, 100), Poll::Ready(Drained::Empty));
        assert_eq!(
            pipe.taken,
            b"\x81\x03one\x89\x00\x8a\x04\x00\x00\x03\xe7\x81\x03two"
        );
    }

    #[test]
    fn finishing_counts_a_half_written_frame_as_undelivered() {
        let outbox = outbox(1024);
        outbox.push(&Frame::text(b"one"));
        let mut pipe = Pipe::default();
        assert_eq!(drain(&outbox, &mut pipe, 2), Poll::Pending);
        outbox.finish();
        assert_eq!(outbox.undelivered(), 1);
        assert_eq!(outbox.counters.bytes_queued(), 0);
    }
}
