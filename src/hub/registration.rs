//! A socket's registration: the guard that a session holds from the upgrade to its end.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
};

use tokio::time::Instant;

use super::{
    charge::Charge,
    connection_limits::ConnectionPermit,
    delivery::{Backlog, Kill, Membership, Outbox, SharedTransport},
    hub::Hub,
    identity::{Identity, Principal, User},
    phase::{Phase, ShuttingDown},
    registry::{Excess, Join},
    socket_entry::SocketEntry,
    turns::{Kept, Lane},
    user_rates::UserRate,
    work::Part,
};
use crate::{
    protocol::{CloseReason, ConnectionId, GroupId, UserId},
    sync::atomic::Ordering::Relaxed,
};

impl Hub {
    /// Whether [`register`](Self::register) would take an identity, as far as its names matter.
    pub(crate) fn check_names(&self, identity: &Identity) -> Result<(), RegisterError> {
        let groups = identity.groups.iter().cloned();
        match self.name_limits.unite(&identity.user, groups, &[]) {
            Ok(_) => Ok(()),
            Err(Excess::TooManyGroups) => Err(RegisterError::TooManyGroups),
            Err(Excess::NameTooLong(bytes)) => Err(RegisterError::NameTooLong(bytes)),
        }
    }

    /// Registers a socket of the current runtime. Nothing is broadcast to it until it is activated.
    /// `as_user` is [`User::Verified`] if the application checked the identity, else [`User::Claimed`].
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub(crate) fn register(
        self: &Arc<Self>,
        identity: Identity,
        as_user: fn(UserId) -> User,
    ) -> Result<Registration, RegisterError> {
        let Identity {
            user,
            groups,
            grants,
            watches,
            expires,
        } = identity;
        let principal = Principal::new(as_user(user.clone()), grants, watches, expires);
        self.start_link();
        self.start_attendance();
        if !principal.user.is_verified() {
            self.has_claims.store(true, Relaxed);
        }
        let id = ConnectionId::new(self.node, self.serial.fetch_add(1, Relaxed));
        let outbox = Outbox::new(self.max_queue_bytes, self.overflow, self.counters.clone());
        let membership = Membership::new(&self.fanout);
        let entry = Arc::new(SocketEntry::new(id, principal, outbox, &membership));
        let mut state = self.state.lock();
        if state.phase != Phase::Running {
            return Err(RegisterError::ShuttingDown(state.shutting_down()));
        }
        state.registry.insert(entry.id, entry.clone());
        let excess = match state.registry.identify(entry.id, user, groups) {
            Join::TooManyGroups => Some(RegisterError::TooManyGroups),
            Join::NameTooLong(bytes) => Some(RegisterError::NameTooLong(bytes)),
            Join::Member | Join::NotConnected => None,
        };
        if let Some(excess) = excess {
            state.registry.remove(entry.id);
            return Err(excess);
        }
        drop(state);
        Ok(Registration {
            hub: self.clone(),
            entry,
            membership,
            permit: ConnectionPermit::default(),
        })
    }
}

/// A socket's place in the hub; dropping it ends the place.
///
/// It exists before there is anything to write to: what is queued meanwhile is written once the
/// session drains the outbox.
#[derive(Debug)]
pub(crate) struct Registration {
    hub: Arc<Hub>,
    entry: Arc<SocketEntry>,
    membership: Membership<SocketEntry>,
    permit: ConnectionPermit,
}

impl Registration {
    /// Returns the socket's share in what its user may send, if that is limited.
    pub(crate) fn user_rate(&self, user: &User, now: Instant) -> Option<UserRate> {
        self.hub.user_rates.as_ref()?.of(user, now)
    }

    /// Notes whether the application has work of the socket in hand, for whose end a shutdown waits: then it
    /// closes the socket. It counts as busy before the first call.
    pub(crate) fn note_work(&self, is_busy: bool) {
        // The session alone changes it. A flag of its own would cost each socket a line of memory more.
        if is_busy == self.entry.occupation.is_busy() {
            return;
        }
        if is_busy {
            self.entry.occupation.begin();
        } else if self.entry.occupation.end() {
            self.hub.send_away(&self.entry);
        }
    }

    /// Returns the refusal of a client whose socket a shutdown cut off before it was open.
    pub(crate) fn shutting_down(&self) -> ShuttingDown {
        self.hub.shutting_down()
    }

    /// Keeps the socket's permit until the last of its work is done.
    pub(crate) fn hold_permit(&mut self, permit: ConnectionPermit) {
        self.permit = permit;
    }

    /// Takes the permit back out, to be dropped before the last of the socket's work.
    pub(crate) fn take_permit(&mut self) -> ConnectionPermit {
        std::mem::take(&mut self.permit)
    }

    /// Has broadcasts select the socket from now on. Closes the oldest of its user's sockets if they are
    /// too many now.
    pub(crate) fn activate(&self) {
        self.hub.activate(self.entry.id);
        self.hub.close_oldest_beside(&self.entry);
        self.membership.start_flusher();
    }

    /// Waits, for a moment at most, until other nodes' messages for the socket are known to arrive.
    ///
    /// Cancel safe.
    pub(crate) async fn synced(&self) {
        self.hub.opening(&self.entry).await;
    }

    /// Has flushers write to the socket from now on.
    pub(crate) fn attach(&self, transport: Arc<dyn SharedTransport>) {
        self.entry.outbox.set_transport(transport);
        self.reattach();
    }

    /// Has flushers write to the socket again, after it was detached.
    pub(crate) fn reattach(&self) {
        self.hub.fanout.attach(&self.entry);
    }

    /// Ends the socket's part in broadcasts, and its memberships for this reason. What selected it before is
    /// in its queue.
    pub(crate) fn deactivate(&self, reason: &CloseReason) {
        self.hub.deactivate(&self.entry, reason);
    }

    /// Starts the closing handshake. Returns `false` if it was started before.
    pub(crate) fn close(&self, reason: CloseReason, backlog: Backlog) -> bool {
        self.hub.close_entry(&self.entry, reason, backlog)
    }

    /// Closes the socket because its identity has ended, unless it was renewed at this moment.
    pub(crate) fn expire(&self, ended: &Principal, backlog: Backlog) -> bool {
        let reason = CloseReason::IDENTITY_EXPIRED;
        self.hub.expire(&self.entry, ended, reason, backlog)
    }

    /// Notes that the peer has left: no broadcast selects the socket any more, and it counts as
    /// finishing. What is queued, and answers to what the peer sent before, are still written.
    pub(crate) fn leave(&mut self, reason: &CloseReason) {
        self.deactivate(reason);
        self.permit.finish();
    }

    /// Watches the members of groups, as far as the socket's identity allows it.
    pub(crate) fn watch(&self, groups: &[GroupId], beyond: usize) {
        self.hub.watch_by_identity(&self.entry, groups, beyond);
    }

    /// Ends the session. What is left in the queue counts as undelivered, and that count is returned.
    pub(crate) fn end(&mut self, reason: &CloseReason) -> u64 {
        self.leave(reason);
        self.entry.outbox.finish();
        self.entry.outbox.undelivered()
    }

    /// Counts a message that waits behind another although its socket has ended. Returns `None` if it
    /// has to be dropped, because too many wait.
    pub(crate) fn keep_message(&self, bytes: usize) -> Option<Kept> {
        let kept = self.hub.turns(Lane::Messages).keep(bytes);
        if kept.is_none() {
            self.hub.shed();
        }
        kept
    }

    /// Notes that a shutdown leaves this part of the socket's work undone.
    pub(crate) fn give_up(&self, part: Part) {
        self.hub.give_up(part);
    }

    /// Notes that a part of the connection panicked.
    pub(crate) fn panicked(&self, what: &'static str) {
        self.hub.panicked(what);
    }

    /// Runs a future, and returns `None` if the hub cuts the socket off to this extent before it ends.
    pub(crate) async fn unless_killed<F: Future>(
        &self,
        extent: Kill,
        future: F,
    ) -> Option<F::Output> {
        let mut future = pin!(future);
        poll_fn(|cx| {
            if self.entry.outbox.poll_killed(cx, extent).is_ready() {
                return Poll::Ready(None);
            }
            future.as_mut().poll(cx).map(Some)
        })
        .await
    }

    /// Returns a charge for what the socket's stream keeps of what was written to it.
    pub(crate) fn charge(&self) -> Charge {
        Charge::new(self.hub.counters.clone())
    }

    /// Warns, once for the hub, that the server's executor leaves no way to end a stream.
    pub(crate) fn warn_of_executor(&self) {
        if !self.hub.executor_warned.swap(true, Relaxed) {
            tracing::warn!(
                socket = %self.entry.id,
                "the client of an HTTP/2 socket takes nothing, and the server's executor cannot reset \
                 its stream, which keeps its memory and its place until the client leaves: serve with \
                 `web_connection_socket::Server`, or give hyper a `StreamExecutor`"
            );
        }
    }

    pub(super) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    pub(crate) fn entry(&self) -> &Arc<SocketEntry> {
        &self.entry
    }

    pub(crate) fn outbox(&self) -> &Outbox {
        &self.entry.outbox
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.end(&CloseReason::LOST);
        self.hub.remove(self.entry.id);
    }
}

/// Why a socket gets no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RegisterError {
    ShuttingDown(ShuttingDown),
    TooManyGroups,
    /// A name of so many bytes.
    NameTooLong(usize),
}
