//! A socket whose task does with the outbox what a session does, and nothing else.

use std::{
    future::poll_fn,
    sync::{Arc, PoisonError},
    task::{Context, Poll},
};

use shuttle::{
    future::block_on,
    sync::{Condvar, Mutex},
    thread::{self, JoinHandle},
};

use super::pipe::{Pipe, Polled};
use crate::{
    hub::{Attention, Drained, Hub, Identity, Registration, User},
    protocol::{CloseReason, ConnectionId},
};

/// The recipients of a message.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    All,
    Group(&'static str),
    One(ConnectionId),
}

/// A socket that was opened; its task runs until it is closed or its connection breaks.
pub(super) struct Socket {
    id: ConnectionId,
    pipe: Arc<Pipe>,
    task: JoinHandle<u64>,
    reader: JoinHandle<()>,
    /// Whether its task is attached.
    open: Arc<(Mutex<bool>, Condvar)>,
}

impl Socket {
    /// Registers and activates a socket of the group `g`, as an upgrade does, and then runs it.
    pub(super) fn open(hub: &Arc<Hub>, rooms: &'static [usize]) -> Self {
        Self::open_as(hub, rooms, Registration::activate)
    }

    /// Does the same with a socket that `activate` activates.
    pub(super) fn open_as(
        hub: &Arc<Hub>,
        rooms: &'static [usize],
        activate: impl FnOnce(&Registration),
    ) -> Self {
        let registration = hub.register(Identity::user("u").group("g"), User::Claimed);
        let registration = registration.expect("room in the hub");
        let id = registration.entry().id;
        activate(&registration);

        let pipe = Arc::new(Pipe::default());
        let open = Arc::new((Mutex::new(false), Condvar::new()));
        let task = {
            let (pipe, open) = (pipe.clone(), open.clone());
            thread::spawn(move || run(registration, &pipe, &open))
        };
        let reader = pipe.read(rooms);
        Self {
            id,
            pipe,
            task,
            reader,
            open,
        }
    }

    pub(super) fn id(&self) -> ConnectionId {
        self.id
    }

    pub(super) fn pipe(&self) -> &Arc<Pipe> {
        &self.pipe
    }

    /// Waits until the flusher may write to it.
    pub(super) fn opened(&self) {
        let (is_open, changed) = &*self.open;
        let mut is_open = is_open.lock().unwrap_or_else(PoisonError::into_inner);
        while !*is_open {
            is_open = changed
                .wait(is_open)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until its task has ended, and returns what it got and how much it did not get.
    pub(super) fn ended(self) -> (Vec<String>, u64) {
        let undelivered = self.task.join().expect("a task that does not panic");
        self.reader.join().expect("a reader that does not panic");
        (self.pipe.texts(), undelivered)
    }
}

/// As a session does: from sharing its transport to giving up its place.
fn run(mut registration: Registration, pipe: &Arc<Pipe>, open: &(Mutex<bool>, Condvar)) -> u64 {
    registration.attach(pipe.clone());
    *open.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
    open.1.notify_all();
    block_on(poll_fn(|cx| poll(&registration, pipe, cx)));
    registration.end(&CloseReason::LOST)
}

fn poll(registration: &Registration, pipe: &Pipe, cx: &mut Context<'_>) -> Poll<()> {
    match registration.outbox().attend(cx) {
        Attention::Killed => return Poll::Ready(()),
        Attention::Closing(_) | Attention::Open => {}
    }
    match registration.outbox().drain(&mut Polled { pipe, cx }) {
        Ok(Drained::Closed) | Err(_) => return Poll::Ready(()),
        Ok(Drained::Reattach) => registration.reattach(),
        Ok(Drained::Empty | Drained::Blocked) => {}
    }
    Poll::Pending
}
