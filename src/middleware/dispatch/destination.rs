//! Which handler gets a message.

use crate::middleware::hooks::{Destination, Hooks};

impl Hooks {
    /// Returns where messages with an action go.
    pub(crate) fn destination(&self, action: &str) -> &Destination {
        self.actions.get(action).unwrap_or(&self.fallback)
    }
}
