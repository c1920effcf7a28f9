//! What the operating system asks the process for.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::tls::Acceptor;

/// Ctrl+C or SIGTERM.
pub(crate) struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    pub(crate) async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// SIGHUP.
pub(crate) struct Reload(Signal);

impl Reload {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self(signal(SignalKind::hangup())?))
    }

    pub(crate) async fn asked(&mut self, _: Option<&Acceptor>) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}
