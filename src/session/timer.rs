//! The one timer of a socket.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::time::{Instant, Sleep, sleep_until};

/// A timer for the next of a socket's deadlines.
pub(super) struct Timer(Pin<Box<Sleep>>);

impl Timer {
    pub(super) fn new(now: Instant) -> Self {
        Self(Box::pin(sleep_until(now)))
    }

    /// Ready when the timer fires. It is moved only to fire earlier: a busy socket's deadlines move away
    /// with each message, and each move costs a lock.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        if deadline < self.0.deadline() || self.0.is_elapsed() {
            self.0.as_mut().reset(deadline);
        }
        self.0.as_mut().poll(cx)
    }
}
