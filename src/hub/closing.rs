//! Closing sockets: one, those of a user, those of a group, or all.

use super::{delivery::Backlog, hub::Hub, socket_entry::SocketEntry};
use crate::protocol::{CloseReason, ConnectionId, Selection};

/// Closes sockets: one, those of a user, those of a group, or all.
///
/// Each call closes after what is queued, includes sockets that are still opening, and returns how many
/// sockets it closed. Those that were closing already do not count. From then on no broadcast selects
/// them. A peer that does not answer the close frame is cut off after
/// [`Config::close_timeout`](crate::Config::close_timeout).
///
/// A client that the `identify` hook is still looking up has no socket yet: end its session first,
/// then close its sockets.
impl Hub {
    /// Closes one socket. Returns 1, or 0 if it is not connected.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{CloseReason, ConnectionId, Hub};
    ///
    /// fn kick(hub: &Hub, socket: ConnectionId) {
    ///     if hub.close(socket, &CloseReason::new(4003, "away with you")) == 0 {
    ///         println!("{socket} had left");
    ///     }
    /// }
    /// ```
    pub fn close(&self, socket: ConnectionId, reason: &CloseReason) -> usize {
        self.close_all_of(&Selection::Connection(socket), reason)
    }

    /// Closes all sockets of a user, on every device.
    ///
    /// The empty name is not a user's and has no sockets.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{CloseReason, Hub};
    ///
    /// fn block(hub: &Hub, user: &str) -> usize {
    ///     hub.close_user(user, &CloseReason::new(4003, "blocked"))
    /// }
    /// ```
    pub fn close_user(&self, user: &str, reason: &CloseReason) -> usize {
        self.close_all_of(&Selection::User(user), reason)
    }

    /// Closes all members of a group, as when a room closes or one device signs out.
    ///
    /// Each socket is in the default group, whose name is empty.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{CloseReason, Hub};
    ///
    /// /// The `identify` hook puts each socket into the group of its session.
    /// fn sign_out(hub: &Hub, session: u64) -> usize {
    ///     hub.close_group(&format!("session:{session}"), &CloseReason::new(4001, "signed out"))
    /// }
    /// ```
    pub fn close_group(&self, group: &str, reason: &CloseReason) -> usize {
        match group {
            "" => self.close_all(reason),
            group => self.close_all_of(&Selection::Group(group), reason),
        }
    }

    /// Closes all sockets. New ones may open; [`shutdown`](Self::shutdown) refuses them, too, and closes
    /// sockets one by one.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{CloseReason, Hub};
    ///
    /// /// The browser client reconnects after 1012, at a random moment of the time that the reason
    /// /// names, and is identified anew.
    /// fn refresh(hub: &Hub) -> usize {
    ///     hub.close_all(&CloseReason::new(1012, "rights have changed; retry within 30s"))
    /// }
    /// ```
    pub fn close_all(&self, reason: &CloseReason) -> usize {
        self.close_all_of(&Selection::All, reason)
    }

    /// Closes one socket. Returns `false` if it was closing already.
    pub(crate) fn close_entry(
        &self,
        entry: &SocketEntry,
        reason: CloseReason,
        backlog: Backlog,
    ) -> bool {
        self.deactivate(entry, &reason);
        entry.outbox.close(reason, backlog)
    }

    fn close_all_of(&self, selection: &Selection<'_>, reason: &CloseReason) -> usize {
        let state = self.state.lock();
        let entries: Vec<_> = state
            .registry
            .present(selection)
            .into_iter()
            .cloned()
            .collect();
        // The lock is taken anew for each socket, so that broadcasts go on between two of many.
        drop(state);
        entries
            .iter()
            .filter(|entry| self.close_entry(entry, reason.clone(), Backlog::Deliver))
            .count()
    }
}
