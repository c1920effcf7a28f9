//! The application's functions that are told of members joining and leaving.

use std::{fmt, sync::Arc};

use super::change::PresenceChange;
use crate::{sync::Mutex, unwind::contain};

/// The functions that are told of members, in the order in which they were given.
#[derive(Default)]
pub(super) struct Hooks(Mutex<Vec<Hook>>);

type Hook = Arc<dyn Fn(PresenceChange) + Send + Sync>;

impl Hooks {
    pub(super) fn add(&self, hook: impl Fn(PresenceChange) + Send + Sync + 'static) {
        self.0.lock().push(Arc::new(hook));
    }

    /// Tells all functions. Returns whether one of them panicked.
    pub(super) fn tell(&self, change: &PresenceChange) -> bool {
        let hooks = self.0.lock().clone();
        let mut panicked = false;
        for hook in &hooks {
            // The task that calls it must go on.
            panicked |= contain(|| hook(change.clone())).is_err();
        }
        panicked
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hooks").field(&self.0.lock().len()).finish()
    }
}
