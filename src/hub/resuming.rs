//! Resumes sockets: a client gets the messages that it missed before any new one.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::time::{Instant, timeout_at};

use super::{
    delivery::{Awaited, Opening},
    history::{Asked, CatchUp, Lost, Resume},
    hub::Hub,
    registration::Registration,
    socket_entry::SocketEntry,
};
use crate::{
    frame::Frame,
    protocol::{GroupId, UserId},
    sync,
};

impl Registration {
    /// Has broadcasts select the socket from now on, and messages wait until [`resume`](Self::resume).
    pub(crate) fn activate_gated(&self, asked: Asked) -> Gated {
        let (hub, entry) = (self.hub(), self.entry());
        let (user, groups) = hub.follow(entry);
        let resume = Resume::new(hub.history.as_deref(), entry.id, user, groups, asked);
        let resume = Arc::new(resume);
        if resume.is_empty() {
            hub.push(entry, &resume.told(&[], |_| 0));
        } else {
            entry.outbox.shut_gate(resume.clone());
        }
        self.activate();
        Gated(resume)
    }

    /// Sends the client what it missed, then the messages that have come meanwhile. Without a store the
    /// replay is in the socket's queue when the call returns, unless a message to many sockets is under way
    /// just then.
    pub(crate) fn resume(&self, Gated(resume): Gated) {
        let hub = self.hub();
        if let Some(streams) = hub.history.as_ref().filter(|_| !resume.is_empty()) {
            if streams.is_shared() {
                let (streams, asking) = (streams.clone(), resume.clone());
                let caught_up = async move { asking.catch_up_shared(&streams).await };
                hub.resume(self.entry(), resume, caught_up);
            } else {
                let (streams, asking) = (streams.clone(), resume.clone());
                let caught_up = async move {
                    asking.when_free(&streams).await;
                    asking.catch_up(&streams)
                };
                hub.resume(self.entry(), resume, caught_up);
            }
        }
    }
}

impl Awaited for Resume {
    fn give_up(&self) -> Frame {
        self.told_lost(Lost::Expired)
    }
}

/// A socket whose messages wait for what its client missed.
#[derive(Debug)]
pub(crate) struct Gated(pub(super) Arc<Resume>);

impl Hub {
    /// Opens a socket's gate with what its client missed: now, if that is known, or as soon as it is, or
    /// without it after [`PATIENCE`].
    pub(super) fn resume(
        self: &Arc<Self>,
        entry: &Arc<SocketEntry>,
        resume: Arc<Resume>,
        caught_up: impl Future<Output = Vec<CatchUp>> + Send + 'static,
    ) {
        let mut caught_up = Box::pin(caught_up);
        let now = &mut Context::from_waker(Waker::noop());
        if let Poll::Ready(caught_up) = caught_up.as_mut().poll(now) {
            self.open_with(entry, &resume, caught_up);
            return;
        }
        let Some(mut opened) = entry.outbox.gate_opened() else {
            self.begin_without(entry, &resume);
            return;
        };
        let mut caught_up = Box::pin(timeout_at(Instant::now() + PATIENCE, caught_up));
        let (hub, entry) = (self.clone(), entry.clone());
        let resuming = async move {
            let outcome = poll_fn(|cx| match Pin::new(&mut opened).poll(cx) {
                Poll::Ready(_) => Poll::Ready(None),
                Poll::Pending => caught_up.as_mut().poll(cx).map(Some),
            });
            match outcome.await {
                Some(Ok(caught_up)) => hub.open_with(&entry, &resume, caught_up),
                Some(Err(_elapsed)) => hub.open_without(&entry, &resume, Lost::Timeout),
                // It gave up or its socket has ended.
                None => hub.begin_without(&entry, &resume),
            }
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "a socket's messages wait for what its client missed, and nothing else does"
        )]
        sync::spawn(resuming);
    }

    /// Has a socket told of the streams that it enters from now on, and returns the user and the groups whose
    /// streams it is in.
    fn follow(&self, entry: &SocketEntry) -> (UserId, Vec<GroupId>) {
        let state = self.state.lock();
        entry.follow();
        let groups = state.registry.groups_of(entry.id).to_vec();
        (entry.user().id().clone(), groups)
    }

    fn open_with(&self, entry: &Arc<SocketEntry>, resume: &Resume, mut caught_up: Vec<CatchUp>) {
        // Looked at again, since it may have left a group while its messages were read.
        let (principal, groups) = self.membership_of(entry);
        resume.forbid(&mut caught_up, principal.user.id(), &groups);
        let frames = caught_up.iter().flat_map(|it| &it.frames);
        let cost: usize = frames.map(|frame| frame.cost()).sum();
        if cost > 0 && self.reserve(cost) < entry.outbox.bytes() + cost {
            let missed = caught_up.iter_mut().filter(|it| !it.frames.is_empty());
            missed.for_each(|it| it.lose(Lost::Expired));
        }
        let opening = Opening {
            first: resume.told(&caught_up, |mark| entry.outbox.waiting_up_to(mark)),
            seen: resume.seen(&caught_up),
            replay: caught_up
                .iter_mut()
                .flat_map(|it| it.frames.drain(..))
                .collect(),
        };
        if self.open_gate(entry, opening) {
            self.count_resume(resume, Some(&caught_up));
        } else {
            self.begin_without(entry, resume);
        }
    }

    fn open_without(&self, entry: &Arc<SocketEntry>, resume: &Resume, why: Lost) {
        let opening = Opening {
            first: resume.told_lost(why),
            seen: Vec::new(),
            replay: Vec::new(),
        };
        self.open_gate(entry, opening);
        self.begin_without(entry, resume);
    }

    /// Tells a socket whose gate has opened without what it missed where it is in the other streams.
    fn begin_without(&self, entry: &Arc<SocketEntry>, resume: &Resume) {
        self.count_resume(resume, None);
        if entry.outbox.is_open() {
            let (principal, groups) = self.membership_of(entry);
            for stream in resume.begun(principal.user.id(), &groups) {
                self.tell_beginning(entry, stream);
            }
        }
    }

    fn count_resume(&self, resume: &Resume, caught_up: Option<&[CatchUp]>) {
        if let Some(streams) = &self.history {
            resume.count(streams, caught_up);
        }
    }
}

/// How long a socket's messages wait for what its client missed.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);
