use std::{io::IoSlice, mem, task::Waker};

use super::{Outbox, Phase, Push, State};
use crate::{
    frame::Frame,
    hub::{
        log::{Batch, Log},
        outbox::{Kind, Wake},
        stats::Tally,
    },
    sync::MutexGuard,
};

/// An outbox under its lock, and what it has to do with the log of its shard. A socket's own queue
/// comes first, then what it lacks of the log.
///
/// The lock may be held while the socket is written. So it is taken before the shard's lock, never
/// under it: who waits for one socket makes no other wait.
#[derive(Debug)]
pub(in crate::hub) struct Locked<'a> {
    outbox: &'a Outbox,
    state: MutexGuard<'a, State>,
}

impl Locked<'_> {
    /// Has the socket take what is for everybody from the log, from its end on.
    pub(in crate::hub) fn follow(&mut self, log: &Log) {
        self.state.cursor = Some(log.end());
    }

    /// Puts what the socket lacks of the log into its own queue, behind what is there, so that
    /// something else can be put behind that.
    pub(in crate::hub) fn catch_up(&mut self, log: &Log, go_on: bool) {
        self.outbox.take_rest(&mut self.state, log, go_on);
    }

    /// Has the socket's task write what is for everybody, and tells whom that wakes.
    ///
    /// The transport took no more a moment ago. Since then the task may have found room, written all
    /// that was there, and gone.
    pub(in crate::hub) fn step_aside(&mut self, log: &Log) -> Option<Waker> {
        self.catch_up(log, false);
        if self.state.queue.is_empty() || !mem::take(&mut self.state.idle) {
            return None;
        }
        self.state.waker.take()
    }

    /// As [`Outbox::push`].
    pub(in crate::hub) fn push(
        &mut self,
        frame: &Frame,
        kind: Kind,
        allowance: usize,
    ) -> (Push, Wake) {
        if self.state.phase == Phase::Open {
            (self.outbox).admit(&mut self.state, frame, kind, allowance)
        } else {
            (Push::Closed, Wake::Nobody)
        }
    }
}

impl Outbox {
    /// Takes the lock, for which it may wait until a write to the socket is done.
    pub(in crate::hub) fn lock(&self) -> Locked<'_> {
        Locked {
            outbox: self,
            state: self.state(),
        }
    }

    /// Writes what the socket lacks of a batch, from a flusher, behind its own queue. What cannot be
    /// written at once goes into that queue.
    pub(in crate::hub) fn write_batch(&self, batch: &Batch, tally: &mut Tally) -> Follow {
        let mut guard = self.state();
        let state = &mut *guard;
        let Some(cursor) = state.cursor.filter(|&cursor| cursor < batch.end()) else {
            return Follow::Done;
        };
        state.cursor = Some(batch.end());
        let transport = match state.transport.take() {
            Some(transport) if state.phase == Phase::Open => transport,
            transport => {
                state.transport = transport;
                for (frame, _) in batch.since(cursor) {
                    self.take_over(state, frame);
                }
                return Follow::Done;
            }
        };
        let mut offset = batch.offset(cursor);
        let mut is_blocked = false;
        if !state.queue.is_empty() {
            is_blocked = state
                .write(tally, |slices| transport.try_write(slices))
                .is_err();
            state.idle = !is_blocked;
        }
        while !is_blocked && offset < batch.bytes().len() {
            match transport.try_write(&[IoSlice::new(&batch.bytes()[offset..])]) {
                Ok(written) if written > 0 => offset += written,
                // What else may be wrong the socket's own task finds out.
                Ok(_) | Err(_) => is_blocked = true,
            }
        }
        state.transport = Some(transport);
        if !is_blocked {
            tally.messages += batch.end() - cursor;
            state.completed += batch.end() - cursor;
            state.note_told(tally);
            return Follow::Done;
        }
        state.is_blocked = true;
        for (frame, end) in batch.since(cursor) {
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
            self.take_over(state, frame);
        }
        state.idle = false;
        Follow::Blocked(state.waker.take())
    }

    fn take_rest(&self, state: &mut State, log: &Log, go_on: bool) {
        let Some(cursor) = state.cursor.take() else {
            return;
        };
        state.cursor = go_on.then(|| log.end());
        for frame in log.since(cursor) {
            self.take_over(state, frame);
        }
    }
}

impl State {
    /// Whether a socket that has taken all could follow its shard's log again.
    pub(super) fn followed(&self) -> Follow {
        let is_aside = self.transport.is_some() && self.cursor.is_none();
        if is_aside && self.phase == Phase::Open {
            Follow::Rejoin
        } else {
            Follow::Done
        }
    }
}

/// What a flusher finds when it has written to a socket.
#[derive(Debug)]
pub(in crate::hub) enum Follow {
    Done,
    /// The socket has taken all of its own queue, and does not follow the log.
    Rejoin,
    /// The socket takes no more; its task has to hear of it.
    Blocked(Option<Waker>),
}
