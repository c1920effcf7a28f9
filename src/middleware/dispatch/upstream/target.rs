//! An upstream in use: what all sockets share of it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use super::{client::Client, hold::Hold, options::Upstream};
use crate::{hub::Turns, middleware::state::State};

/// An upstream, with the layer's state that it needs: nothing that a hook set later would change.
pub(super) struct Target {
    pub(super) state: Arc<State>,
    pub(super) upstream: Upstream,
    pub(super) client: Client,
    /// The requests that it gets at one time.
    pub(super) turns: Turns,
    pub(super) hold: Hold,
    overdue: AtomicUsize,
}

impl Target {
    /// Returns whether so many disconnect events wait that no further socket may open.
    pub(super) fn is_overdue(&self) -> bool {
        self.overdue.load(Relaxed) >= MAX_OVERDUE
    }

    pub(super) fn new(state: Arc<State>, upstream: Upstream) -> Arc<Self> {
        let places = upstream.max_concurrency;
        let config = &state.config;
        // Percent-encoded, with a separator.
        let max_name = config.max_name_length.saturating_mul(3).saturating_add(2);
        let max_groups = max_name.saturating_mul(config.max_groups.saturating_add(1));
        Arc::new(Self {
            client: upstream.client.build(places, max_groups.min(MAX_GROUPS)),
            state,
            // What waits for them counts as waiting for a place for dispatches, which bound it.
            turns: Turns::new(places, false),
            hold: Hold::new(places),
            overdue: AtomicUsize::new(0),
            upstream,
        })
    }
}

/// Counts a disconnect event that could not be told at once, until it is dropped.
pub(super) struct Overdue<'a>(&'a AtomicUsize);

impl<'a> Overdue<'a> {
    pub(super) fn new(target: &'a Target) -> Self {
        target.overdue.fetch_add(1, Relaxed);
        Self(&target.overdue)
    }
}

impl Drop for Overdue<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// In bytes: what a request has room for, whatever the options allow.
const MAX_GROUPS: usize = 16 * 1024 * 1024;

/// Disconnect events that may wait before no further socket opens.
pub(super) const MAX_OVERDUE: usize = 10_000;
