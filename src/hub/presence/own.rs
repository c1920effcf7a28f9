//! Applies events of this node's sockets.

use std::sync::Arc;

use tokio::time::Instant;

use super::{change::PresenceCause, info::Info, member::Holder, table::Table};
use crate::protocol::{ConnectionId, GroupId, UserId};

impl<W: Clone> Table<W> {
    pub(super) fn entered(
        &mut self,
        group: &GroupId,
        user: &UserId,
        socket: ConnectionId,
        now: Instant,
    ) {
        if let Some(info) = self.infos.get(&socket).cloned() {
            self.say(group, user, &info, 1, now);
        } else {
            self.step(group, user, 1, PresenceCause::Closed, now);
        }
    }

    /// Counts this node's sockets of a user, or those without one.
    pub(super) fn step(
        &mut self,
        name: &GroupId,
        user: &UserId,
        step: i32,
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
        let info = match &own {
            Some(own) => own.info.clone(),
            // Its value counts until it has left, whichever node it returns to.
            None => member
                .filter(|member| member.is_here())
                .and_then(|member| member.info().cloned()),
        };
        let before = own.map_or(0, |own| own.sockets);
        let holder = Holder {
            node,
            sockets: before.saturating_add_signed(step),
            info,
        };
        self.set(name, user, holder, cause, now);
    }

    /// Takes what is said of a user of this node, and counts its sockets.
    fn say(&mut self, name: &GroupId, user: &UserId, info: &Arc<Info>, step: i32, now: Instant) {
        if user.is_empty() {
            return self.step(name, user, step, PresenceCause::Closed, now);
        }
        let node = self.node;
        let Some(group) = self.group(name) else {
            return;
        };
        let member = group.members.get(user);
        let own = member.and_then(|member| member.holder(node));
        // What was said of a socket before it came is not always the last word.
        let said = own.as_ref().filter(|_| step > 0);
        let said = said.and_then(|own| own.info.clone());
        let later = said.filter(|said| info.stamp < said.stamp);
        let info = Some(later.unwrap_or_else(|| info.clone()));
        let before = own.map_or(0, |own| own.sockets);
        let holder = Holder {
            node,
            sockets: before.saturating_add_signed(step),
            info,
        };
        if holder.sockets > 0 {
            self.set(name, user, holder, PresenceCause::Closed, now);
        }
    }

    pub(super) fn said(
        &mut self,
        socket: ConnectionId,
        user: &UserId,
        groups: &[GroupId],
        info: &Arc<Info>,
        now: Instant,
    ) {
        self.infos.insert(socket, info.clone());
        for group in groups {
            self.say(group, user, info, 0, now);
        }
    }
}
