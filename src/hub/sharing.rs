//! The hub as one of several that share a store: submits messages, and implements `Sockets`.

use std::sync::{Arc, Weak};

use bytes::Bytes;

use super::{
    cluster::Placed,
    delivery::Outbox,
    history::{Kept, Sockets, Streams},
    hub::Hub,
    phase::{Phase, ShuttingDown},
};
use crate::{
    frame::Frame,
    history::History,
    protocol::{
        BroadcastReport, Forwarding, Recipient, RecipientType, SocketMessage, StreamName, StreamRef,
    },
};

impl Hub {
    /// Has a store keep the messages of streams.
    ///
    /// # Panics
    ///
    /// If the hub has a store already, keeps no streams, or has used one of them.
    #[track_caller]
    pub(crate) fn keep_history_in(self: &Arc<Self>, store: impl History) {
        let streams = self.history.as_ref().expect(
            "history_store: no rule says what to keep; call it on a layer whose Config has a history",
        );
        let sockets: Weak<Self> = Arc::downgrade(self);
        assert!(
            streams.share(store, sockets),
            "history_store: the hub has a store already, or has used a stream; set the store once, before \
             the hub is used, also if several layers share the hub"
        );
    }

    /// Takes a message of a stream that a store keeps: its report is settled later.
    pub(super) fn submit(
        &self,
        streams: &Arc<Streams>,
        kept: Kept<'_>,
        message: &SocketMessage,
    ) -> Result<BroadcastReport, ShuttingDown> {
        // Before the stream is in hand, since it panics.
        Outbox::forbid_in_a_write();
        let state = self.state.lock();
        if state.phase == Phase::Closing {
            // No socket would get it, and no store is to have what its sockets never had.
            return Err(state.shutting_down());
        }
        drop(state);
        let plain = Frame::message(message);
        let settling = streams.submit(kept, &message.recipients, &plain);
        self.tend_history(streams);
        let mut report = BroadcastReport::default();
        if let Some(settling) = settling {
            // Without a worker, or without room for one more append, all is known already.
            if let Some(report) = settling.now() {
                return Ok(report);
            }
            report.forwarded = Forwarding::Pending(settling.clone());
            report.settlement = Some(settling);
        }
        Ok(report)
    }
}

impl Sockets for Hub {
    fn deliver(&self, recipients: &[Recipient], frame: &Frame) -> BroadcastReport {
        self.spread(recipients, &mut None, || frame.clone())
            .unwrap_or_default()
    }

    fn make_room(&self, stream: StreamRef<'_>, cost: usize) {
        if stream == StreamRef::All {
            self.make_room(cost);
        }
    }

    fn has_members(&self, stream: StreamRef<'_>) -> bool {
        self.state.lock().registry.has(stream)
    }

    fn has_live_members(&self, stream: StreamRef<'_>) -> bool {
        let state = self.state.lock();
        let mut followers = Vec::new();
        for entry in state.registry.members_of(stream) {
            if !entry.is_follower() {
                return true;
            }
            followers.push(entry.clone());
        }
        // A queue's lock, which a write may hold, is not taken under the hub's.
        drop(state);
        followers.iter().any(|entry| !entry.outbox.is_gated())
    }

    fn forward(
        &self,
        recipients: &[Recipient],
        placed: Placed,
        entry: &Bytes,
    ) -> Option<Forwarding> {
        let node = self.cluster.node()?;
        Some(node.forward_entry(recipients, placed, entry))
    }

    fn tell_followers(&self, stream: &StreamName, frame: &Frame) {
        let recipient = match stream.as_ref() {
            StreamRef::Group(group) => Recipient::new(RecipientType::Group, group),
            StreamRef::User(user) => Recipient::new(RecipientType::User, user),
            StreamRef::All => Recipient::new(RecipientType::All, ""),
        };
        let mut followers = Vec::new();
        let mut state = self.state.lock();
        let recipients = std::slice::from_ref(&recipient);
        state
            .registry
            .resolve(recipients, self.default_audience, |entry| {
                if entry.is_follower() {
                    followers.push(entry.clone());
                }
            });
        drop(state);
        for entry in &followers {
            self.push(entry, frame);
        }
    }
}
