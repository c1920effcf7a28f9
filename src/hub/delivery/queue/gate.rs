//! A gate behind which messages wait for what their client missed.

use std::{collections::VecDeque, fmt, sync::Arc};

use tokio::sync::oneshot;

use super::queued::Queued;
use crate::frame::Frame;

/// What a gate is shut for: defined here, implemented by what resumes the socket's streams.
pub(in crate::hub) trait Awaited: fmt::Debug + Send + Sync {
    /// Gives up, and returns the frame that tells the client that it gets nothing of what it missed.
    ///
    /// Called under the queue's lock, so it calls neither the hub nor a queue.
    fn give_up(&self) -> Frame;
}

/// A gate that is shut: messages wait in it, and only what keeps the connection alive passes.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) waiting: VecDeque<Queued>,
    /// What they cost, which is charged to the hub.
    pub(super) bytes: usize,
    pub(super) awaited: Arc<dyn Awaited>,
    /// Dropped with the gate, for what has to know.
    pub(super) open: Option<oneshot::Sender<()>>,
}

impl Gate {
    pub(super) fn new(awaited: Arc<dyn Awaited>) -> Self {
        Self {
            waiting: VecDeque::new(),
            bytes: 0,
            awaited,
            open: None,
        }
    }
}
