//! A socket's membership in the fan-out.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::{crew::Crew, fanout::Fanout, flusher::Flusher, member::Member};
use crate::sync;

/// A socket's place in the fan-out; dropping it gives the place back.
#[derive(Debug)]
pub(in crate::hub) struct Membership<M: Member> {
    fanout: Arc<Fanout<M>>,
    crew: Arc<Crew>,
    row: usize,
}

impl<M: Member> Membership<M> {
    /// Makes a place for a new socket of the current runtime.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub(in crate::hub) fn new(fanout: &Arc<Fanout<M>>) -> Self {
        let runtime = Handle::current();
        let mut state = fanout.lock();
        let crew = state.crew(|crew| crew.is_of(&runtime), || Crew::new(&runtime));
        crew.add_socket();
        let row = state.take_place();
        drop(state);
        Self {
            fanout: fanout.clone(),
            crew,
            row,
        }
    }

    /// Starts a flusher if the runtime's sockets are worth one more. To be called without a lock, since
    /// that wakes a thread, and on the socket's runtime.
    pub(in crate::hub) fn start_flusher(&self) {
        if let Some(flusher) = Flusher::new(&self.fanout, &self.crew) {
            #[expect(
                clippy::disallowed_methods,
                reason = "each worker of a runtime has a flusher"
            )]
            sync::spawn(flusher.run());
        }
    }

    pub(in crate::hub) fn crew(&self) -> &Arc<Crew> {
        &self.crew
    }

    pub(in crate::hub) fn row(&self) -> usize {
        self.row
    }
}

impl<M: Member> Drop for Membership<M> {
    fn drop(&mut self) {
        let mut state = self.fanout.lock();
        state.give_place_back(self.row);
        let is_last = self.crew.remove_socket();
        state.forget_idle_crews();
        drop(state);
        if is_last {
            self.crew.wake();
        }
    }
}
