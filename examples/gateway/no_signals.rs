//! What stands in for signals on Windows: Ctrl+C, and the times of the certificate's files.

use std::{
    io,
    time::{Duration, SystemTime},
};

use crate::tls::Acceptor;

/// Ctrl+C, which services get as well.
pub(crate) struct Stop(());

impl Stop {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self(()))
    }

    pub(crate) async fn asked(&mut self) {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "the process cannot listen for Ctrl+C");
            std::future::pending::<()>().await;
        }
    }
}

/// A file that was written since it was read.
pub(crate) struct Reload(Option<SystemTime>);

impl Reload {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self(None))
    }

    pub(crate) async fn asked(&mut self, files: Option<&Acceptor>) {
        let Some(files) = files else {
            return std::future::pending().await;
        };
        self.0 = self.0.or_else(|| files.written_at());
        loop {
            tokio::time::sleep(Duration::from_secs(10)).await;
            let written = files.written_at();
            if written != self.0 {
                self.0 = written;
                return;
            }
        }
    }
}
