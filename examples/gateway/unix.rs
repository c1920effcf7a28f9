//! Connections to the application over a Unix socket.

use std::{
    future::Future,
    io,
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::{net::UnixStream, time::timeout};
use tower::Service;

use crate::{Problem, connect::WITHIN};

pub(crate) fn connector(path: &Path) -> Result<UnixConnector, Problem> {
    Ok(UnixConnector(path.into()))
}

/// Connects to one socket, whatever the URL.
#[derive(Clone, Debug)]
pub(crate) struct UnixConnector(Arc<Path>);

impl Service<Uri> for UnixConnector {
    type Response = TokioIo<UnixStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let path = self.0.clone();
        Box::pin(async move {
            // A listener whose backlog is full lets a connection wait without an end.
            match timeout(WITHIN, UnixStream::connect(path)).await {
                Ok(stream) => stream.map(TokioIo::new),
                Err(_elapsed) => Err(io::ErrorKind::TimedOut.into()),
            }
        })
    }
}
