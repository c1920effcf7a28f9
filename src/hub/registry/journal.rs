//! A journal of sockets that entered or left groups with a presence rule.

use std::{mem, sync::Arc};

use crate::{
    config::PresenceRules,
    protocol::{ConnectionId, GroupId, UserId},
};

/// What has happened to members of groups with a rule since it was asked last.
#[derive(Debug)]
pub(super) struct Journal {
    rules: Arc<PresenceRules>,
    steps: Vec<Step>,
}

/// A socket has entered a group, or has left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::hub) struct Step {
    pub(in crate::hub) socket: ConnectionId,
    pub(in crate::hub) user: UserId,
    pub(in crate::hub) group: GroupId,
    pub(in crate::hub) is_in: bool,
}

impl Journal {
    pub(super) fn new(rules: &Arc<PresenceRules>) -> Self {
        Self {
            rules: rules.clone(),
            steps: Vec::new(),
        }
    }

    pub(super) fn take(&mut self) -> Vec<Step> {
        mem::take(&mut self.steps)
    }

    /// Notes steps of a socket, in a journal if there is one.
    pub(super) fn note<'a>(
        journal: &mut Option<Box<Self>>,
        socket: ConnectionId,
        user: &UserId,
        groups: impl IntoIterator<Item = &'a GroupId>,
        is_in: bool,
    ) {
        let Some(journal) = journal else {
            return;
        };
        for group in groups {
            if journal.rules.of(group.as_str()).is_some() {
                journal.steps.push(Step {
                    socket,
                    user: user.clone(),
                    group: group.clone(),
                    is_in,
                });
            }
        }
    }
}
