//! Closing the oldest sockets of a user that has more than it may, in favour of its newest.

use super::{delivery::Backlog, hub::Hub, socket_entry::SocketEntry};
use crate::protocol::CloseReason;

impl Hub {
    /// Closes the oldest sockets of a socket's user, so that no more are left than it may have; perhaps
    /// this one, if newer ones were faster.
    pub(super) fn close_oldest_beside(&self, entry: &SocketEntry) {
        let Some(limits) = &self.connection_limits else {
            return;
        };
        let user = entry.user();
        let Some(newest) = limits.newest_of(&user) else {
            return;
        };
        let state = self.state.lock();
        let of_name = state.registry.sockets_of(user.id().as_str());
        // A claimed user of this name is another one.
        let mut sockets: Vec<_> = of_name
            .filter(|(_, entry)| entry.user() == user)
            .map(|(_, entry)| entry.clone())
            .collect();
        drop(state);
        let surplus = sockets.len().saturating_sub(newest);
        sockets.sort_unstable_by_key(|entry| entry.id);
        for entry in &sockets[..surplus] {
            if self.close_entry(entry, CloseReason::REPLACED, Backlog::Deliver) {
                tracing::debug!(socket = %entry.id, "closed a socket for newer ones of its user");
            }
        }
    }
}
