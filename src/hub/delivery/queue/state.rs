//! A queue as it is under its lock: plain state, changed by one step at a time.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    mem,
    sync::Arc,
    task::{Context, Waker},
};

use tokio::time::Instant;

use super::{
    gate::Gate,
    queued::{Kind, Queued},
    transport::SharedTransport,
};
use crate::{frame::Frame, hub::counters::Tally, protocol::CloseReason};

/// A queue as it is under its lock.
///
/// What a walk over ten thousand sockets needs of each comes first, side by side: each line of memory
/// that it has to fetch would cost it some per cent.
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct State {
    /// The number of the next frame of the log that is for this socket, behind its own queue. Set
    /// while the socket is attached.
    pub(super) cursor: Option<u64>,
    pub(super) transport: Option<Arc<dyn SharedTransport>>,
    pub(super) queue: VecDeque<Queued>,
    /// When the last message was wholly written; kept from the first life sign on.
    pub(super) told_at: Option<Instant>,
    /// Frames wholly written so far.
    pub(super) completed: u64,
    pub(super) phase: Phase,
    /// Bytes of the first frame that the transport has.
    pub(super) written: usize,
    /// What the messages in the queue cost.
    pub(super) bytes: usize,
    /// The part of `bytes` that replies cost. No overflow policy drops them.
    pub(super) replies: usize,
    pub(super) undelivered: u64,
    pub(super) waker: Option<Waker>,
    pub(super) killed: Option<Kill>,
    /// No task and no flusher is going to write: the next frame has to wake one.
    pub(super) idle: bool,
    /// The transport took no more when it was last written to.
    pub(super) is_blocked: bool,
}

impl State {
    /// Keeps the waker of the socket's task.
    pub(super) fn register(&mut self, cx: &Context<'_>) {
        match &self.waker {
            Some(waker) if waker.will_wake(cx.waker()) => {}
            _ => self.waker = Some(cx.waker().clone()),
        }
    }

    /// Returns what has to be woken so that the queue is written.
    pub(super) fn wake_if_idle(&mut self) -> Option<Wake> {
        if !mem::take(&mut self.idle) {
            return None;
        }
        match self.transport {
            Some(_) => Some(Wake::Flusher),
            None => self.waker.take().map(Wake::Task),
        }
    }

    /// Adds a message whose bytes are charged to the hub.
    pub(super) fn enqueue(&mut self, frame: Frame, kind: Kind) {
        self.bytes += frame.cost();
        if kind == Kind::Reply {
            self.replies += frame.cost();
        }
        // Doubling the room each time would take more than the bound allows for.
        if self.queue.len() == self.queue.capacity() {
            self.queue.reserve_exact(8.max(self.queue.len() / 4));
        }
        self.queue.push_back(Queued::new(frame, kind));
    }

    /// Adds the close frame and takes no more messages.
    pub(super) fn close(&mut self, reason: CloseReason) -> Option<Waker> {
        self.queue
            .push_back(Queued::new(Frame::close(&reason), Kind::Close));
        self.phase = Phase::Closing(reason);
        self.waker.take()
    }

    /// Writes all that is queued, as many frames in one call as are there.
    pub(super) fn write(
        &mut self,
        tally: &mut Tally,
        try_write: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>,
    ) -> io::Result<()> {
        let outcome = self.write_frames(tally, try_write);
        self.is_blocked = outcome.is_err();
        outcome
    }

    /// Writes all that is queued from another thread than the task's; `None` if only the task can.
    pub(super) fn write_shared(&mut self, tally: &mut Tally) -> Option<io::Result<()>> {
        let transport = self.transport.take()?;
        let written = if self.is_blocked {
            self.write(tally, |slices| transport.try_write_again(slices))
        } else {
            self.write(tally, |slices| transport.try_write(slices))
        };
        self.transport = Some(transport);
        Some(written)
    }

    /// Returns what it means that the whole queue is written.
    pub(super) fn drained(&self) -> Drained {
        match self.phase {
            Phase::Closing(_) => Drained::Closed,
            Phase::Open if self.transport.is_some() && self.cursor.is_none() => Drained::Reattach,
            Phase::Open | Phase::Gated(_) | Phase::Finished => Drained::Empty,
        }
    }

    /// Remembers when a message was written.
    pub(super) fn note_told(&mut self, tally: &mut Tally) {
        if let Some(told_at) = &mut self.told_at {
            *told_at = tally.now();
        }
    }

    /// Takes a frame out of the queue.
    pub(super) fn remove(&mut self, index: usize) {
        if let Some(queued) = self.queue.remove(index) {
            let cost = queued.frame.cost();
            self.bytes -= if queued.kind.is_message() { cost } else { 0 };
            self.replies -= if queued.kind == Kind::Reply { cost } else { 0 };
        }
    }

    /// Whether the socket is not closing.
    pub(super) fn takes_messages(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Gated(_))
    }

    /// Frees the memory of an empty queue that has room for more frames than these.
    pub(super) fn shrink(&mut self, kept: usize) {
        if self.queue.capacity() > kept {
            self.queue = VecDeque::new();
        }
    }

    fn write_frames(
        &mut self,
        tally: &mut Tally,
        mut try_write: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>,
    ) -> io::Result<()> {
        while let Some(head) = self.queue.front() {
            let head = IoSlice::new(&head.frame.as_bytes()[self.written..]);
            let written = if self.queue.len() == 1 {
                try_write(&[head])?
            } else {
                let mut slices = [IoSlice::new(&[]); MAX_SLICES];
                slices[0] = head;
                for (slice, queued) in slices[1..].iter_mut().zip(self.queue.iter().skip(1)) {
                    *slice = IoSlice::new(queued.frame.as_bytes());
                }
                try_write(&slices[..self.queue.len().min(MAX_SLICES)])?
            };
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.advance(written, tally);
        }
        Ok(())
    }

    fn advance(&mut self, written: usize, tally: &mut Tally) {
        self.written += written;
        while let Some(head) = self.queue.front() {
            let (length, kind) = (head.frame.len(), head.kind);
            if self.written < length {
                break;
            }
            self.written -= length;
            self.completed += 1;
            if kind.is_message() {
                tally.cost += head.frame.cost();
                tally.messages += 1;
            }
            if kind.reaches_page() {
                self.note_told(tally);
            }
            self.remove(0);
        }
    }
}

/// How far a socket's life has come, as its queue sees it.
#[derive(Debug, Default)]
pub(super) enum Phase {
    #[default]
    Open,
    /// Messages wait for what the client missed.
    Gated(Box<Gate>),
    /// The close frame is in the queue, or was written.
    Closing(CloseReason),
    /// The session is over.
    Finished,
}

/// What has to be woken so that a pushed frame is written.
#[derive(Debug)]
pub(in crate::hub) enum Wake {
    /// The socket's task.
    Task(Waker),
    /// A flusher.
    Flusher,
}

/// How far a queue was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drained {
    /// Nothing is left.
    Empty,
    /// Nothing is left, and the socket is detached although flushers could write to it.
    Reattach,
    /// Nothing is left, and the last frame was our close frame.
    Closed,
    /// The transport takes no more for now.
    Blocked,
}

/// What [`Outbox::kill`](super::Outbox::kill) ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kill {
    /// The connection and what is being dispatched; the disconnect event still comes.
    Connection,
    /// The task, whatever it is doing.
    Task,
}

/// Frames that leave in one call. More would take a larger array for each write.
const MAX_SLICES: usize = 64;
