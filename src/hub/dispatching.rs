//! The hub's part in dispatching: turns, and notes of work that was dropped or panicked.

use std::{net::IpAddr, sync::Arc};

use super::{
    hub::Hub,
    identity::User,
    socket_entry::SocketEntry,
    turns::{Key, Lane, Turns},
    work::{Line, Part},
};
use crate::sync::atomic::Ordering::Relaxed;

impl Hub {
    /// Returns the places for this kind of work.
    pub(crate) fn turns(&self, lane: Lane) -> &Arc<Turns> {
        match lane {
            Lane::Messages => &self.work.messages,
            Lane::Events => &self.work.events,
        }
    }

    /// Returns the key of the queue in which the work for a socket waits.
    pub(crate) fn key_of(&self, entry: &SocketEntry, client: Option<IpAddr>) -> Key {
        match entry.user() {
            User::Verified(id) if !id.is_empty() => Key::User(id),
            _ if self
                .connection_limits
                .as_ref()
                .is_some_and(|limits| limits.counts_clients()) =>
            {
                Key::Client(client.into())
            }
            _ => Key::Socket(entry.id),
        }
    }

    /// Whether the socket's peer sends nothing more: it has left, or is closed.
    pub(crate) fn has_left(&self, entry: &SocketEntry) -> bool {
        self.state.lock().registry.is_removed(entry.id)
    }

    /// Notes that a message is dropped, because too many wait and its socket has ended.
    pub(crate) fn shed(&self) {
        self.counters.message_shed();
        if let Some(suppressed) = self.work.log.pass(Line::Shed) {
            tracing::warn!(
                suppressed,
                "dropped a message of a socket that had ended, because too many wait for the \
                 application: `Config::max_sockets` bounds them without dropping any"
            );
        }
    }

    /// Notes a panic of a part of a socket's connection, of a value kept for it, or of a hook.
    pub(crate) fn panicked(&self, what: &'static str) {
        self.counters.panicked();
        if let Some(suppressed) = self.work.log.pass(Line::Panicked(what)) {
            tracing::error!(suppressed, "{what} panicked");
        }
    }

    /// Notes that a shutdown leaves this part of a socket's work undone.
    pub(crate) fn give_up(&self, part: Part) {
        let count = match part {
            Part::Messages => &self.work.given_up.messages,
            Part::Event => &self.work.given_up.events,
        };
        count.fetch_add(1, Relaxed);
    }

    /// Warns of what shutdowns gave up since the last time.
    pub(super) fn tell_given_up(&self) {
        let events = self.work.given_up.events.swap(0, Relaxed);
        if events > 0 {
            tracing::warn!(events, "the shutdown dropped disconnect events");
        }
        let sockets = self.work.given_up.messages.swap(0, Relaxed);
        if sockets > 0 {
            tracing::warn!(
                sockets,
                "the shutdown dropped messages of sockets that had ended"
            );
        }
    }
}
