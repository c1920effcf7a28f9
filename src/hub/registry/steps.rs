//! Asks the registry for sockets that entered or left groups with a presence rule.

use std::sync::Arc;

use super::{
    journal::{Journal, Step},
    registry::Registry,
};
use crate::config::PresenceRules;

impl<T> Registry<T> {
    /// Notes who enters and leaves the groups that these rules name. To be called before there is a socket.
    pub(in crate::hub) fn keep_journal(&mut self, rules: &Arc<PresenceRules>) {
        self.journal = Some(Box::new(Journal::new(rules)));
    }

    /// Returns what has happened since this was called last, in its order.
    pub(in crate::hub) fn take_steps(&mut self) -> Vec<Step> {
        let journal = self.journal.as_mut();
        journal.map_or_else(Vec::new, |journal| journal.take())
    }
}
