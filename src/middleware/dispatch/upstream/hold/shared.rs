//! What is known of an upstream, shared by all that wait for it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use parking_lot::Mutex;
use tokio::time::Instant;

use super::queue::Queue;

/// The messages that wait for one upstream.
#[derive(Clone, Debug)]
pub(in super::super) struct Hold(pub(super) Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) queue: Mutex<Queue>,
    /// A copy of [`Queue::is_busy`], so that messages need no lock while all is well.
    is_busy: AtomicBool,
}

impl Hold {
    /// Lets go at most so many at one time.
    pub(in super::super) fn new(most: usize) -> Self {
        Self(Arc::new(Shared {
            queue: Mutex::new(Queue::new(most)),
            is_busy: AtomicBool::new(false),
        }))
    }

    /// Returns whether a message has to wait before it is sent.
    pub(in super::super) fn is_busy(&self) -> bool {
        self.0.is_busy.load(Relaxed)
    }

    /// Notes that the upstream answered.
    pub(in super::super) fn came_up(&self) {
        if self.is_busy() {
            self.0.change(Queue::came_up);
        }
    }

    /// Notes that the upstream did not listen when one without a place was sent.
    pub(in super::super) fn went_down(&self) {
        self.0
            .change(|queue| queue.went_down(false, Instant::now()));
    }
}

impl Shared {
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Queue) -> T) -> T {
        let mut queue = self.queue.lock();
        let outcome = change(&mut queue);
        self.is_busy.store(queue.is_busy(), Relaxed);
        outcome
    }
}
