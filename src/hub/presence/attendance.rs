//! The presence state that a hub's threads and its presence task share, behind a lock.

use std::{mem, sync::Arc};

use tokio::{sync::Notify, time::Instant};

use super::{
    change::PresenceChange, moves::Move, stats::PresenceStats, table::Table, view::Presence,
};
use crate::{
    config::{Config, PresenceRules, PresenceTerms},
    hub::{
        cluster::{MemberNews, MemberVersions},
        hooks::Hooks,
    },
    protocol::{ConnectionId, GroupId},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

/// A hub's groups with a presence rule. Dropping it ends the presence task.
///
/// Locks: [`push`](Self::push) may be called under the hub's lock, and takes no other than that of the
/// moves. The table's lock is taken without the hub's, and nothing is sent or called under it.
#[derive(Debug)]
pub(in crate::hub) struct Attendance<W>(pub(super) Arc<Shared<W>>);

#[derive(Debug)]
pub(super) struct Shared<W> {
    pub(super) rules: Arc<PresenceRules>,
    /// What has happened and is not in the table yet. Each thread that adds something has the table take
    /// all of it at once, so few wait.
    moves: Mutex<Vec<Move<W>>>,
    pub(super) table: Mutex<Table<W>>,
    pub(super) hooks: Hooks<PresenceChange>,
    /// Notified when something is due earlier, or the hub is gone.
    pub(super) changed: Notify,
    pub(super) is_running: AtomicBool,
}

impl<W: Clone> Attendance<W> {
    pub(in crate::hub) fn new(node: u64, config: &Config) -> Self {
        let rules = Arc::new(config.presence.clone());
        let table = Table::new(node, rules.clone(), config.max_name_length);
        Self(Arc::new(Shared {
            moves: Mutex::default(),
            table: Mutex::new(table),
            rules,
            hooks: Hooks::default(),
            changed: Notify::new(),
            is_running: AtomicBool::new(false),
        }))
    }

    /// Returns the rules, if there are any.
    pub(in crate::hub) fn rules(&self) -> Option<&Arc<PresenceRules>> {
        Some(&self.0.rules).filter(|rules| !rules.is_empty())
    }

    /// Returns what the rules say of a group.
    pub(in crate::hub) fn terms(&self, group: &str) -> Option<PresenceTerms> {
        self.0.rules.of(group)
    }

    pub(in crate::hub) fn on_change(&self, hook: impl Fn(PresenceChange) + Send + Sync + 'static) {
        self.0.hooks.add(hook);
        self.0.table.lock().has_hooks = true;
    }

    /// Notes what has happened to sockets, or nothing without rules. [`settle`](Self::settle) is to follow
    /// without the hub's lock.
    pub(in crate::hub) fn push(&self, happened: impl IntoIterator<Item = Move<W>>) {
        if self.rules().is_some() {
            self.0.moves.lock().extend(happened);
        }
    }

    /// Has the table take what was noted. To be called without the hub's lock.
    pub(in crate::hub) fn settle(&self) {
        self.0.settle(Instant::now());
    }

    /// Returns the members of a group, if a rule names it, but lists them only up to a number of users.
    pub(in crate::hub) fn view(&self, group: &str, list_up_to: usize) -> Option<Presence> {
        self.0.table.lock().view(group, list_up_to)
    }

    /// Tells the other nodes of the members here from now on.
    pub(in crate::hub) fn publish(&self) {
        self.0.table.lock().publish();
    }

    /// Takes what has happened elsewhere. Returns `false` if it is not of this cluster.
    pub(in crate::hub) fn learn(&self, news: MemberNews) -> bool {
        let is_valid = self.0.table.lock().learn(news, Instant::now());
        self.settle();
        is_valid
    }

    /// Returns the partitions of the cluster to hear, one bit for each, beside those with members here.
    pub(in crate::hub) fn interest(&self) -> u64 {
        self.0.table.lock().interest(Instant::now())
    }

    /// Notes that the application asks for the members of a group. Returns whether its partition is not
    /// heard yet.
    pub(in crate::hub) fn ask_for(&self, group: &str) -> bool {
        self.0.table.lock().ask_for(group, Instant::now())
    }

    /// Whether this node hears what the others say of a group.
    pub(in crate::hub) fn is_heard(&self, group: &str) -> bool {
        self.0.table.lock().is_heard(group)
    }

    pub(in crate::hub) fn member_versions(&self) -> MemberVersions {
        self.0.table.lock().member_versions()
    }

    pub(in crate::hub) fn is_watching(&self, socket: ConnectionId, group: &GroupId) -> bool {
        self.0.table.lock().is_watching(socket, group)
    }

    pub(in crate::hub) fn stats(&self) -> PresenceStats {
        let table = self.0.table.lock();
        let figures = table.figures();
        PresenceStats {
            groups: figures.groups,
            members: figures.members,
            watchers: figures.watchers,
            frames: table.frames,
            not_watched: table.not_watched,
        }
    }
}

impl<W: Clone> Shared<W> {
    pub(super) fn settle(&self, now: Instant) {
        let mut table = self.table.lock();
        let moves = mem::take(&mut *self.moves.lock());
        for happened in moves {
            table.apply(happened, now);
        }
        let due = table.deadline(now);
        let is_earlier = due.is_some_and(|due| table.sleeps_until.is_some_and(|until| due < until));
        if is_earlier {
            // Wake the task once, not for every event before it runs.
            table.sleeps_until = due;
        }
        drop(table);
        if is_earlier {
            self.changed.notify_one();
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.is_running.load(Relaxed)
    }
}

impl<W> Drop for Attendance<W> {
    fn drop(&mut self) {
        self.0.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PresenceRule;

    #[test]
    fn without_rules_nothing_is_kept_of_what_happens() {
        for (config, kept) in [
            (Config::new(), 0),
            (Config::new().presence(PresenceRule::group("lobby")), 1),
        ] {
            let attendance = Attendance::<u64>::new(1, &config);
            attendance.push([Move::Ended(ConnectionId::new(1, 1))]);
            assert_eq!(attendance.0.moves.lock().len(), kept);
        }
    }
}
