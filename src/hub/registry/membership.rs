//! The users and groups of sockets: identities, joining and leaving.

use std::{collections::HashMap, mem};

use super::{
    journal::Journal,
    name_limits::Excess,
    registry::{Registry, Stage},
    slots::{Slots, enrol, withdraw},
};
use crate::{
    hub::socket_error::{SocketError, SocketErrorKind},
    protocol::{ConnectionId, GroupId, UserId},
};

impl<T> Registry<T> {
    /// Gives the socket a user and the groups that come with it. They replace those that came with the
    /// identity before; groups that it joined otherwise stay.
    pub(in crate::hub) fn identify(
        &mut self,
        id: ConnectionId,
        user: UserId,
        named: impl IntoIterator<Item = GroupId>,
    ) -> Join {
        let Some(&slot) = self.by_id.get(&id) else {
            return Join::NotConnected;
        };
        let entry = &mut self.entries[slot];
        if entry.stage == Stage::Removed {
            return Join::NotConnected;
        }
        let joined = &entry.groups[entry.named as usize..];
        let (mut groups, named) = match self.name_limits.unite(&user, named, joined) {
            Ok(united) => united,
            Err(excess) => return excess.into(),
        };
        for group in &mut groups[..named] {
            known(&self.groups, group);
        }
        entry.named = u32::try_from(named).unwrap_or(u32::MAX);

        let groups_before = mem::replace(&mut entry.groups, groups);
        let user_before = mem::replace(&mut entry.user, user);
        if entry.stage != Stage::Active {
            return Join::Member;
        }
        for group in &entry.groups {
            if !groups_before.contains(group) {
                enrol(&mut self.groups, &mut self.partitions, group, slot);
            }
        }
        for group in &groups_before {
            if !entry.groups.contains(group) {
                withdraw(&mut self.groups, &mut self.partitions, group, slot);
            }
        }
        let has_changed = entry.user != user_before;
        let entered = (entry.groups.iter()).filter(|at| has_changed || !groups_before.contains(at));
        Journal::note(&mut self.journal, id, &entry.user, entered, true);
        let left = (groups_before.iter()).filter(|at| has_changed || !entry.groups.contains(at));
        Journal::note(&mut self.journal, id, &user_before, left, false);
        if entry.groups.is_empty() {
            self.ungrouped.insert(slot);
        } else {
            self.ungrouped.swap_remove(&slot);
        }
        if has_changed {
            withdraw(&mut self.users, &mut self.partitions, &user_before, slot);
            if !entry.user.is_empty() {
                enrol(&mut self.users, &mut self.partitions, &entry.user, slot);
            }
        }
        Join::Member
    }

    /// Makes the socket a member of a group, which from now on stays when its identity changes. Each
    /// socket is in the default group, whose name is empty, anyway.
    pub(in crate::hub) fn join(&mut self, id: ConnectionId, mut group: GroupId) -> Join {
        let Some(&slot) = self.by_id.get(&id) else {
            return Join::NotConnected;
        };
        let entry = &mut self.entries[slot];
        if entry.stage == Stage::Removed {
            return Join::NotConnected;
        }
        if group.is_empty() {
            return Join::Member;
        }
        let named = entry.named as usize;
        match entry.groups.iter().position(|own| *own == group) {
            Some(at) if at < named => {
                entry.groups.swap(at, named - 1);
                entry.named -= 1;
                return Join::Member;
            }
            Some(_) => return Join::Member,
            None => {}
        }
        if let Err(excess) = self
            .name_limits
            .check_join(&entry.user, &entry.groups, &group)
        {
            return excess.into();
        }
        known(&self.groups, &mut group);
        if entry.stage == Stage::Active {
            self.ungrouped.swap_remove(&slot);
            enrol(&mut self.groups, &mut self.partitions, &group, slot);
            Journal::note(&mut self.journal, id, &entry.user, [&group], true);
        }
        entry.groups.push(group);
        Join::Member
    }

    /// Ends the membership. Returns `false` if there was none.
    pub(in crate::hub) fn leave(&mut self, id: ConnectionId, group: &str) -> bool {
        let Some(&slot) = self.by_id.get(&id) else {
            return false;
        };
        let entry = &mut self.entries[slot];
        let Some(mut at) = entry.groups.iter().position(|own| own.as_str() == group) else {
            return false;
        };
        if at < entry.named as usize {
            entry.named -= 1;
            entry.groups.swap(at, entry.named as usize);
            at = entry.named as usize;
        }
        let group = entry.groups.swap_remove(at);
        if entry.stage == Stage::Active {
            if entry.groups.is_empty() {
                self.ungrouped.insert(slot);
            }
            withdraw(&mut self.groups, &mut self.partitions, &group, slot);
            Journal::note(&mut self.journal, id, &entry.user, [&group], false);
        }
        true
    }
}

/// What became of [`Registry::join`] or [`Registry::identify`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hub) enum Join {
    Member,
    TooManyGroups,
    /// A name of so many bytes.
    NameTooLong(usize),
    NotConnected,
}

impl Join {
    pub(in crate::hub) fn into_result(self) -> Result<(), SocketError> {
        match self {
            Self::Member => Ok(()),
            Self::TooManyGroups => Err(SocketError::new(SocketErrorKind::TooManyGroups)),
            Self::NameTooLong(_) => Err(SocketError::new(SocketErrorKind::NameTooLong)),
            Self::NotConnected => Err(SocketError::new(SocketErrorKind::NotConnected)),
        }
    }
}

impl From<Excess> for Join {
    fn from(excess: Excess) -> Self {
        match excess {
            Excess::TooManyGroups => Self::TooManyGroups,
            Excess::NameTooLong(bytes) => Self::NameTooLong(bytes),
        }
    }
}

/// Takes the index's own key if there is one: members share the name's allocation.
fn known(groups: &HashMap<GroupId, Slots>, group: &mut GroupId) {
    if let Some((known, _)) = groups.get_key_value(group) {
        *group = known.clone();
    }
}
