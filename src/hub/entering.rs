//! Sockets that enter streams while they are open: a client that goes on in its streams learns where each
//! begins.

use std::sync::Arc;

use super::{
    cluster::Way,
    delivery::Outbox,
    hub::{Hub, State},
    socket_entry::SocketEntry,
};
use crate::protocol::{ConnectionId, GroupId, StreamName, UserId};

/// A socket whose client goes on in its streams, as it was before it enters some.
pub(super) struct Entering {
    entry: Arc<SocketEntry>,
    user: UserId,
    groups: Vec<GroupId>,
}

impl Hub {
    /// Returns a socket that is to be told of the streams that it is about to enter, if it is to be told.
    pub(super) fn entering(&self, state: &State, socket: ConnectionId) -> Option<Entering> {
        self.history.as_ref()?;
        let entry = state.registry.get(socket)?;
        entry.is_follower().then(|| Entering {
            entry: entry.clone(),
            user: entry.user().id().clone(),
            groups: state.registry.groups_of(socket).to_vec(),
        })
    }

    /// Tells a socket of the streams that it has entered, since if its connection broke before their first
    /// message, its client could not ask for what it misses. To be called without a lock.
    pub(super) fn entered(&self, before: Option<Entering>) {
        let Some(before) = before else {
            return;
        };
        let (principal, groups) = self.membership_of(&before.entry);
        let user = principal.user.id();
        let new = groups.iter().filter(|group| !before.groups.contains(group));
        for group in new {
            self.tell_beginning(&before.entry, &group.into());
        }
        if *user != before.user {
            self.tell_beginning(&before.entry, &user.clone().into());
        }
    }

    /// Tells a socket where it begins in a stream that it is in, if that is kept.
    pub(super) fn tell_beginning(&self, entry: &Arc<SocketEntry>, stream: &StreamName) {
        let Some(streams) = &self.history else {
            return;
        };
        let Some(kept) = streams.kept(stream.as_ref()) else {
            return;
        };
        // Before the stream is in hand, since it panics.
        Outbox::forbid_in_a_write();
        let is_heard = self.is_heard(stream);
        streams.enter(kept, is_heard, |frame| _ = self.push(entry, frame));
        self.tend_history(streams);
    }

    /// Whether messages of a stream are known to arrive from other nodes, if there are any.
    fn is_heard(&self, stream: &StreamName) -> bool {
        let partition = Way::of(stream.as_ref()).partition();
        let node = self.cluster.node();
        let waits = node
            .zip(partition)
            .is_some_and(|(node, at)| !node.is_synced(at));
        !waits
    }
}
