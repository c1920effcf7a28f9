//! The runtime and the listener of the servers that have a router.

use std::future::Future;

use axum::{Router, serve::ListenerExt};
use tokio::{net::TcpListener, runtime};

use crate::error::Result;

pub(super) fn on_runtime(workers: usize, serving: impl Future<Output = Result<()>>) -> Result<()> {
    let mut builder = match workers {
        1 => runtime::Builder::new_current_thread(),
        _ => runtime::Builder::new_multi_thread(),
    };
    let runtime = builder.worker_threads(workers).enable_all().build()?;
    runtime.block_on(serving)
}

pub(super) async fn serve_router(router: Router) -> Result<()> {
    axum::serve(listen().await?, router).await?;
    Ok(())
}

/// Listens on any free port, says which, and sends small segments at once.
pub(super) async fn listen() -> Result<impl axum::serve::Listener<Addr = std::net::SocketAddr>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    Ok(listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            eprintln!("fanout: TCP_NODELAY was not set: {error}");
        }
    }))
}
