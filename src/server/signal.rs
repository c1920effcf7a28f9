//! The signals that ask a process to stop.

use std::io;

/// Ctrl+C or SIGTERM.
#[cfg(unix)]
pub(super) struct StopSignal {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl StopSignal {
    pub(super) fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    pub(super) async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
pub(super) struct StopSignal(());

#[cfg(not(unix))]
impl StopSignal {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self(()))
    }

    pub(super) async fn received(&mut self) {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "the process cannot listen for Ctrl+C");
            std::future::pending::<()>().await;
        }
    }
}
