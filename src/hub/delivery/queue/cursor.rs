//! A socket's cursor in the log of broadcasts to all, and the messages that it lacks.

use std::{io::IoSlice, task::Waker};

use super::{
    outbox::{Outbox, Push},
    queued::Kind,
    state::{Drained, Phase, State, Wake},
};
use crate::{
    frame::Frame,
    hub::{
        counters::Tally,
        delivery::{batch::Batch, broadcast_log::BroadcastLog},
    },
    sync::MutexGuard,
};

/// An outbox under its lock, for steps that change the fan-out as well.
///
/// The lock may be held during a write to the socket. So it is taken before the fan-out's lock and
/// never under it: a slow write delays its own socket alone.
#[derive(Debug)]
pub(in crate::hub::delivery) struct Locked<'a> {
    outbox: &'a Outbox,
    state: MutexGuard<'a, State>,
}

impl Locked<'_> {
    /// Has the socket take broadcasts to all from the log, from its end on.
    pub(in crate::hub::delivery) fn subscribe(&mut self, log: &BroadcastLog) {
        self.state.cursor = Some(log.end());
    }

    /// Whether broadcasts to all wait behind a gate, so that the socket cannot take them from the log.
    pub(in crate::hub::delivery) fn is_gated(&self) -> bool {
        self.state.is_gated()
    }

    /// Whether the socket takes broadcasts to all from the log, or lacks some from when it did.
    pub(in crate::hub::delivery) fn has_cursor(&self) -> bool {
        self.state.cursor.is_some()
    }

    /// Moves what the socket lacks of the log, up to a number, into its own queue, and takes nothing
    /// from it any more.
    pub(in crate::hub::delivery) fn unsubscribe(&mut self, log: &BroadcastLog, end: u64) {
        self.drain_log_into_queue(log, end);
        self.state.cursor = None;
    }

    /// Moves what the socket lacks of the log, up to a number, into its own queue, so that something
    /// else can follow it there.
    pub(in crate::hub::delivery) fn drain_log_into_queue(&mut self, log: &BroadcastLog, end: u64) {
        let Some(cursor) = self.state.cursor else {
            return;
        };
        self.state.cursor = Some(end);
        for frame in log.between(cursor, end) {
            self.outbox.enqueue_broadcast(&mut self.state, frame);
        }
    }

    /// Has the socket's task write broadcasts to all, and returns the task to wake.
    ///
    /// The task is woken even if the queue is empty now: since the transport took no more, the task
    /// may have come by for another reason, written all that was there, and gone.
    pub(in crate::hub::delivery) fn detach(&mut self, log: &BroadcastLog) -> Option<Waker> {
        self.unsubscribe(log, log.end());
        self.state.idle = false;
        self.state.waker.take()
    }

    /// Queues a message's frame and returns what that wakes.
    ///
    /// If the queue would grow past its bound, or past what was reserved for it in the hub's bound,
    /// the overflow policy decides. An empty queue takes any one frame.
    pub(in crate::hub::delivery) fn push(
        &mut self,
        frame: &Frame,
        kind: Kind,
        reserved: usize,
    ) -> (Push, Option<Wake>) {
        match self.state.phase {
            Phase::Open => (self.outbox).admit(&mut self.state, frame, kind, reserved),
            Phase::Gated(_) => (self.outbox).hold_back(&mut self.state, frame, kind, reserved),
            Phase::Closing(_) | Phase::Finished => (Push::Closed, None),
        }
    }
}

impl Outbox {
    /// Takes the lock. Waits until a write to the socket is done.
    pub(in crate::hub::delivery) fn lock(&self) -> Locked<'_> {
        Locked {
            outbox: self,
            state: self.state(),
        }
    }

    /// Whether the socket takes broadcasts to all from the log.
    #[cfg(test)]
    pub(in crate::hub) fn is_attached(&self) -> bool {
        self.state().cursor.is_some()
    }

    /// Writes what the socket lacks of a batch, from a flusher, behind its own queue. What cannot be
    /// written at once goes into that queue, and the socket has to be detached then.
    pub(in crate::hub::delivery) fn write_batch(
        &self,
        batch: &Batch,
        tally: &mut Tally,
    ) -> Drained {
        let mut guard = self.state();
        let state = &mut *guard;
        let Some(cursor) = state.cursor.filter(|&cursor| cursor < batch.end()) else {
            return Drained::Empty;
        };
        state.cursor = Some(batch.end());
        let mut is_blocked = false;
        if !state.queue.is_empty() && matches!(state.phase, Phase::Open) {
            is_blocked = state.write_shared(tally).is_none_or(|it| it.is_err());
            state.idle = !is_blocked;
        }
        let transport = match state.transport.take() {
            Some(transport) if matches!(state.phase, Phase::Open) => transport,
            transport => {
                state.transport = transport;
                for frame in batch.since(cursor) {
                    self.enqueue_broadcast(state, frame);
                }
                return Drained::Empty;
            }
        };
        let mut offset = batch.offset(cursor);
        while !is_blocked && offset < batch.bytes().len() {
            match transport.try_write(&[IoSlice::new(&batch.bytes()[offset..])]) {
                Ok(written) if written > 0 => offset += written,
                // The socket's own task finds out what else may be wrong.
                Ok(_) | Err(_) => is_blocked = true,
            }
        }
        state.transport = Some(transport);
        if !is_blocked {
            tally.messages += batch.end() - cursor;
            state.completed += batch.end() - cursor;
            state.note_told(tally);
            return Drained::Empty;
        }
        state.is_blocked = true;
        for (frame, end) in batch.since_with_ends(cursor) {
            if end <= offset {
                tally.messages += 1;
                state.completed += 1;
                state.note_told(tally);
                continue;
            }
            let begin = end - frame.len();
            if begin < offset {
                state.written = offset - begin;
            }
            self.enqueue_broadcast(state, frame);
        }
        state.idle = false;
        Drained::Blocked
    }
}
