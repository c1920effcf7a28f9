//! Keeps which sockets watch which groups, and who asked for it.

use std::collections::HashMap;

use tokio::time::Instant;

use super::{moves::Watch, table::Table};
use crate::protocol::{ConnectionId, GroupId};

impl<W: Clone> Table<W> {
    /// Forgets a socket that has ended.
    pub(super) fn ended(&mut self, socket: ConnectionId, now: Instant) {
        self.infos.remove(&socket);
        let watched = self.watches.get(&socket);
        let watched: Vec<_> = watched
            .into_iter()
            .flat_map(HashMap::keys)
            .cloned()
            .collect();
        for group in watched {
            self.unwatch(socket, &group, now);
        }
    }

    pub(super) fn watch(
        &mut self,
        socket: ConnectionId,
        watcher: W,
        name: GroupId,
        watch: Watch,
        now: Instant,
    ) {
        let watched = self.watches.get(&socket);
        let is_full = watched
            .is_some_and(|watched| watched.len() >= MAX_WATCHES && !watched.contains_key(&name));
        if is_full || self.group(&name).is_none() {
            self.not_watched += 1;
            return;
        }
        if let Some(group) = self.groups.get_mut(&name) {
            group.watchers.add(socket, watcher);
            group.note_watchers();
            group.schedule(now);
        }
        self.note_due(&name);
        let watched = self.watches.entry(socket).or_default();
        let before = watched.entry(name).or_insert(watch);
        // What the application wants holds whatever the identity says.
        *before = (*before).max(watch);
    }

    pub(super) fn unwatch(&mut self, socket: ConnectionId, name: &GroupId, now: Instant) {
        if let Some(watched) = self.watches.get_mut(&socket) {
            watched.remove(name);
            if watched.is_empty() {
                self.watches.remove(&socket);
            }
        }
        if let Some(group) = self.groups.get_mut(name) {
            group.watchers.remove(socket);
            group.note_watchers();
            group.schedule(now);
        }
        self.note_due(name);
        self.forget_if_over(name);
    }

    /// Ends what the socket's identity no longer allows it to watch.
    pub(super) fn keep_allowed(
        &mut self,
        socket: ConnectionId,
        may: impl Fn(&GroupId) -> bool,
        now: Instant,
    ) {
        let watched = self.watches.get(&socket).into_iter().flatten();
        let by_identity = watched.filter(|(_, watch)| **watch == Watch::ByIdentity);
        let ended = by_identity.filter(|(group, _)| !may(group));
        let ended: Vec<_> = ended.map(|(group, _)| group.clone()).collect();
        for group in ended {
            self.unwatch(socket, &group, now);
        }
    }

    /// Returns those that still watch a group and have had its whole list.
    pub(super) fn watchers(&mut self, group: &GroupId, watchers: &[ConnectionId]) -> Vec<W> {
        let known = self.groups.get(group).map(|group| &group.watchers.known);
        let known = known.into_iter();
        let watching = known.flat_map(|known| watchers.iter().filter_map(|id| known.get(id)));
        let watching: Vec<_> = watching.cloned().collect();
        self.frames += watching.len() as u64;
        watching
    }

    pub(super) fn is_watching(&self, socket: ConnectionId, group: &GroupId) -> bool {
        let watched = self.watches.get(&socket);
        watched.is_some_and(|watched| watched.contains_key(group))
    }
}

/// Groups that one socket may watch.
pub(crate) const MAX_WATCHES: usize = 64;
