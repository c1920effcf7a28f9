//! Applies events of this node's sockets.

use std::sync::Arc;

use tokio::time::Instant;

use super::{
    change::PresenceCause,
    info::Info,
    member::{Holder, Member},
    table::Table,
};
use crate::protocol::{ConnectionId, GroupId, UserId};

impl<W: Clone> Table<W> {
    pub(super) fn entered(
        &mut self,
        group: &GroupId,
        user: &UserId,
        socket: ConnectionId,
        now: Instant,
    ) {
        let word = self.infos.get(&socket).cloned();
        self.step(group, user, 1, word, PresenceCause::Closed, now);
    }

    pub(super) fn left(
        &mut self,
        group: &GroupId,
        user: &UserId,
        cause: PresenceCause,
        now: Instant,
    ) {
        self.step(group, user, -1, None, cause, now);
    }

    /// Counts this node's sockets of a user, or those without one, and takes the value of one that enters.
    fn step(
        &mut self,
        name: &GroupId,
        user: &UserId,
        step: i32,
        word: Option<Arc<Info>>,
        cause: PresenceCause,
        now: Instant,
    ) {
        let node = self.node;
        let Some(group) = self.group(name) else {
            return;
        };
        if user.is_empty() {
            let before = group.anonymous.get(&node).copied().unwrap_or_default();
            self.set_anonymous(name, node, before.saturating_add_signed(step), now);
            return;
        }
        let member = group.members.get(user);
        let own = member.and_then(|member| member.holder(node));
        // Its value counts until it has left, whichever node it returns to. A value that was set on a socket
        // before it entered is not always the latest.
        let known = member.filter(|member| member.is_here());
        let known = known.and_then(Member::last_word);
        let word = word.filter(|word| known.is_none_or(|known| known.stamp <= word.stamp));
        let holder = Holder {
            node,
            sockets: own.map_or(0, |own| own.sockets).saturating_add_signed(step),
            info: word.or_else(|| known.cloned()),
        };
        self.set(name, user, holder, cause, now);
    }

    /// Takes the value that the application sets for a socket's user.
    pub(super) fn said(
        &mut self,
        socket: ConnectionId,
        user: &UserId,
        groups: &[GroupId],
        info: Arc<Info>,
        now: Instant,
    ) {
        if user.is_empty() {
            return;
        }
        let info = self.stamped(info);
        self.infos.insert(socket, info.clone());
        for group in groups {
            let member = self
                .groups
                .get(group)
                .and_then(|group| group.members.get(user));
            if member.is_some_and(|member| member.holder(self.node).is_some()) {
                self.step(
                    group,
                    user,
                    0,
                    Some(info.clone()),
                    PresenceCause::Closed,
                    now,
                );
            }
        }
    }

    /// Notes the stamp of a value, here or on another node: those that are set from now on are later.
    pub(super) fn hear_word(&mut self, stamp: u64) {
        self.next_stamp = self.next_stamp.max(stamp.saturating_add(1));
    }

    /// Stamps a value later than all that this node has set or heard of, even if its clock is behind, or
    /// shows the same millisecond still.
    fn stamped(&mut self, info: Arc<Info>) -> Arc<Info> {
        let latest = info.stamp.saturating_add(MAX_AHEAD);
        let stamp = self.next_stamp.clamp(info.stamp, latest);
        self.hear_word(stamp);
        if stamp == info.stamp {
            return info;
        }
        let json = info.json.clone();
        Arc::new(Info { stamp, json })
    }

    /// Copies a user's latest value to its sockets here, if there are any. Returns whether they had another.
    pub(super) fn carry_word(&mut self, name: &GroupId, user: &UserId) -> bool {
        let group = self.groups.get_mut(name);
        let member = group.and_then(|group| group.members.get_mut(user));
        member.is_some_and(|member| member.carry_word(self.node))
    }
}

/// How far stamps may be ahead of this node's clock, in milliseconds: a day. Forged ones may be further.
const MAX_AHEAD: u64 = 24 * 60 * 60 * 1_000;
