use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{Arc, OnceLock},
    task::Poll,
};

use super::{
    Hub, SocketEntry,
    charge::Charge,
    connection_limits::ConnectionPermit,
    flusher::Place,
    outbox::{Backlog, Kill, Outbox, SharedTransport},
    principal::Principal,
    turns::{Kept, Lane},
    work::Part,
};
use crate::{protocol::CloseReason, sync::atomic::Ordering::Relaxed};

/// A socket's place in the hub; dropping it ends the place.
///
/// It exists before there is anything to write to: what is queued meanwhile is written once the
/// session drains the outbox.
#[derive(Debug)]
pub(crate) struct Registration {
    hub: Arc<Hub>,
    entry: Arc<SocketEntry>,
    place: OnceLock<Place>,
    permit: ConnectionPermit,
}

impl Registration {
    pub(super) fn new(hub: Arc<Hub>, entry: Arc<SocketEntry>) -> Self {
        Self {
            hub,
            entry,
            place: OnceLock::new(),
            permit: ConnectionPermit::default(),
        }
    }

    /// Keeps the socket's permit until the last of its work is done.
    pub(crate) fn keep(&mut self, permit: ConnectionPermit) {
        self.permit = permit;
    }

    /// Lets broadcasts select the socket from now on.
    pub(crate) fn list(&self) {
        self.hub.list(self.entry.id);
    }

    /// Lets the flusher of the current runtime write to the socket.
    pub(crate) fn share(&self, transport: Arc<dyn SharedTransport>) {
        let place = self.place.get_or_init(|| self.hub.shards.enter());
        self.entry.shard.get_or_init(|| place.shard().clone());
        self.entry.outbox.share(transport);
        self.hub.follow(&self.entry);
    }

    /// Lets the flusher write to the socket again, after it had stepped aside.
    pub(crate) fn rejoin(&self) {
        if let Some(place) = self.place.get() {
            place.shard().rejoin(&self.entry);
        }
    }

    /// Lets no broadcast select the socket any more; what selected it before is in its queue.
    pub(crate) fn unlist(&self) {
        self.hub.unlist(&self.entry);
    }

    /// Starts the closing handshake, unless something else did before.
    pub(crate) fn close(&self, reason: CloseReason, backlog: Backlog) -> bool {
        self.hub.close_entry(&self.entry, reason, backlog)
    }

    /// Closes a socket whose identity has ended, unless it was renewed at this moment.
    pub(crate) fn expire(&self, ended: &Principal, backlog: Backlog) -> bool {
        let reason = CloseReason::IDENTITY_EXPIRED;
        self.hub.expire(&self.entry, ended, reason, backlog)
    }

    /// The peer has left: no broadcast selects the socket any more, and it counts as finishing.
    /// What is queued, and replies to what it said before, are still written.
    pub(crate) fn leave(&mut self) {
        self.unlist();
        self.permit.finish();
    }

    /// The session is over: what is left in its queue counts as undelivered, and that count is
    /// returned.
    pub(crate) fn end(&mut self) -> u64 {
        self.leave();
        self.entry.outbox.finish();
        self.entry.outbox.undelivered()
    }

    /// Counts a message that waits behind another although its sender has ended; `None` if it has to be
    /// dropped, because too many wait.
    pub(crate) fn keep_message(&self, bytes: usize) -> Option<Kept> {
        let kept = self.hub.turns(Lane::Messages).keep(bytes);
        if kept.is_none() {
            self.hub.shed();
        }
        kept
    }

    /// A shutdown leaves this part of the socket's work undone.
    pub(crate) fn give_up(&self, part: Part) {
        self.hub.give_up(part);
    }

    /// Something that belongs to the connection panicked.
    pub(crate) fn panicked(&self, what: &'static str) {
        self.hub.panicked(what);
    }

    /// Runs a future until the hub cuts the socket off to this extent; `None` then.
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

    /// For what the socket's stream keeps of what was written to it.
    pub(crate) fn charge(&self) -> Charge {
        Charge::new(self.hub.counters.clone())
    }

    /// Says, once for the hub, that the server's executor leaves no way to end a stream.
    pub(crate) fn warn_of_executor(&self) {
        if !self.hub.executor_warned.swap(true, Relaxed) {
            tracing::warn!(
                socket = %self.entry.id,
                "the client of an HTTP/2 socket takes nothing, and the server's executor gives no way to \
                 reset its stream: it keeps its memory and its place until the client leaves. Serve \
                 with `web_connection_socket::Server`, or give hyper a `StreamExecutor`"
            );
        }
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
        self.end();
        self.hub.remove(self.entry.id);
    }
}
