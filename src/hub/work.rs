//! The work that sockets cause, which may outlive them: its places, and what is reported of work that
//! was lost.

use std::sync::Arc;

use super::{log_limit::LogLimit, turns::Turns};
use crate::{config::Config, sync::atomic::AtomicU64};

/// A hub's places for work, and what it reports of work that was lost.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) messages: Arc<Turns>,
    pub(super) events: Arc<Turns>,
    pub(super) log: LogLimit<Line>,
    /// What shutdowns have given up and not reported yet.
    pub(super) given_up: GivenUp,
}

#[derive(Debug, Default)]
pub(super) struct GivenUp {
    pub(super) messages: AtomicU64,
    pub(super) events: AtomicU64,
}

/// The kind of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Line {
    Shed,
    Panicked(&'static str),
}

/// A part of a socket's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The messages that it had sent before it ended.
    Messages,
    /// The disconnect event.
    Event,
}

impl Work {
    pub(super) fn new(config: &Config) -> Self {
        let places = config.max_dispatches;
        // A limit of sockets limits what they can have sent.
        let bounded = config.connection_limits.sockets.is_none();
        Self {
            messages: Arc::new(Turns::new(places, bounded)),
            events: Arc::new(Turns::new((places / EVENTS_PART).max(1), false)),
            log: LogLimit::default(),
            given_up: GivenUp::default(),
        }
    }

    /// Returns how many messages wait for a place.
    pub(super) fn waiting(&self) -> usize {
        self.messages.waiting()
    }
}

/// There is one place for events for so many places for messages.
const EVENTS_PART: usize = 4;
