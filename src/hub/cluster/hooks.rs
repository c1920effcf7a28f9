//! The application's functions that are told of cluster events.

use std::{fmt, sync::Arc};

use super::event::ClusterEvent;
use crate::{sync::Mutex, unwind::contain};

/// The functions that are told of cluster events, in the order in which they were given.
#[derive(Clone, Default)]
pub(in crate::hub) struct Hooks(Arc<Mutex<Vec<Hook>>>);

type Hook = Arc<dyn Fn(ClusterEvent) + Send + Sync>;

impl Hooks {
    pub(in crate::hub) fn add(&self, hook: impl Fn(ClusterEvent) + Send + Sync + 'static) {
        self.0.lock().push(Arc::new(hook));
    }

    /// Tells all functions. Returns whether one of them panicked.
    pub(super) fn tell(&self, event: &ClusterEvent) -> bool {
        let hooks = self.0.lock().clone();
        let mut panicked = false;
        for hook in &hooks {
            // A link must not end by it.
            panicked |= contain(|| hook(event.clone())).is_err();
        }
        panicked
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hooks").field(&self.0.lock().len()).finish()
    }
}
